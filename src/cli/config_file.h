// Options of a verb from a TOML file: every flag by its long name.
//
// Contract: what the command line or the environment says stays; the file fills in the rest. Keys are long option names
// ("keep-alive" or "keep_alive"); lists repeat an option. Values pass the same checks as on the command line. An unknown key
// is an error that names the nearest ones.
// Not here: which file is read (the verb).
#pragma once

#include <string>

#include "hearth/error.h"

namespace CLI {
class App;
}  // namespace CLI

namespace hearth::cli {

Result<void> apply_config_file(CLI::App* verb, const std::string& path);

}  // namespace hearth::cli

// For tests: a home of its own, wheels made on the spot, and a pip that serves them and writes down what it was asked.
//
// Contract: puts a program `python3` first on PATH; everything lies in one temporary folder that goes with the object.
// A file named `hold` in the folder makes the pip wait until it is gone; `fail-PACKAGE` makes it fail for that package.
// Not here: a network.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace hearth::library {

inline void write_text(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_wheel(const std::string& path, const std::vector<std::pair<std::string, std::string>>& entries) {
  archive* writer = archive_write_new();
  archive_write_set_format_zip(writer);
  ASSERT_EQ(archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK);
  for (const auto& [name, bytes] : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    ASSERT_EQ(archive_write_header(writer, entry), ARCHIVE_OK);
    archive_write_data(writer, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
}

class FakePip {
 public:
  FakePip() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-test-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    for (const char* folder : {"/bin", "/wheels", "/home"}) std::filesystem::create_directory(root_ + folder);
    const std::string script =
        "#!/bin/sh\n"
        "root='" + root_ + "'\n" +
        "[ \"$1 $2 $3\" = '-m pip --version' ] && exit 0\n"
        "[ \"$1 $2 $3\" = '-m pip download' ] || { echo 'unexpected call' >&2; exit 9; }\n"
        "while [ $# -gt 1 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done\n"
        "echo \"$1\" >> \"$root/calls\"\n"
        "while [ -e \"$root/hold\" ]; do sleep 0.02; done\n"
        "if [ -e \"$root/fail-${1%%==*}\" ]; then\n"
        "  echo 'WARNING: something else' >&2; echo \"ERROR: No matching distribution found for $1\" >&2; exit 1\n"
        "fi\n"
        "mkdir -p \"$dest\" && cp \"$root/wheels/$1.whl\" \"$dest/\"\n";
    write_text(root_ + "/bin/python3", script);
    chmod((root_ + "/bin/python3").c_str(), 0755);
    path_before_ = std::getenv("PATH");
    setenv("PATH", (root_ + "/bin:" + path_before_).c_str(), 1);
  }
  ~FakePip() {
    release();
    setenv("PATH", path_before_.c_str(), 1);
    std::filesystem::remove_all(root_);
  }
  FakePip(const FakePip&) = delete;
  FakePip& operator=(const FakePip&) = delete;

  const std::string& root() const { return root_; }
  std::string home() const { return root_ + "/home"; }
  // A wheel of package==1.0 with one entry, and a bystander that must stay where it is.
  void add_wheel(const std::string& package, const std::string& entry, const std::string& bytes) {
    write_wheel(root_ + "/wheels/" + package + "==1.0.whl", {{package + "/__init__.py", "raise SystemExit"}, {entry, bytes}});
  }
  void hold() { write_text(root_ + "/hold", ""); }
  void release() { unlink((root_ + "/hold").c_str()); }
  void fail(const std::string& package) { write_text(root_ + "/fail-" + package, ""); }
  void repair(const std::string& package) { unlink((root_ + "/fail-" + package).c_str()); }
  std::vector<std::string> calls() const {
    std::ifstream file(root_ + "/calls");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  // Returns once pip has been asked `count` times in all.
  void wait_for_calls(size_t count) const {
    while (calls().size() < count) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  void write_catalogue(const std::string& toml) { write_text(home() + "/catalogue.toml", toml); }

 private:
  std::string root_;
  std::string path_before_;
};

}  // namespace hearth::library

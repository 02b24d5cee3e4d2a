// Contract: engine/adapters.h. Not here: what a file may hold (model/adapter.h), the arithmetic (model/blocks, backend).
#include "engine/adapters.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/file_digest.h"

namespace hearth {
namespace {

constexpr size_t kMaxAdapters = 64;  // of one model

AdapterInfo adapter_info(const AdapterFile& file, const model::Adapter& adapter) {
  const gguf::View& view = *adapter.file();
  const auto text = [&](const char* key) { return std::string(view.get_string(key).value_or("")); };
  AdapterInfo info;
  info.path = file.path;
  info.name = text("general.name");
  if (info.name.empty()) info.name = file.path.substr(file.path.rfind('/') + 1);
  info.task_name = text("adapter.lora.task_name");
  info.prompt_prefix = text("adapter.lora.prompt_prefix");
  info.alpha = adapter.alpha();
  info.rank = adapter.rank();
  info.bytes = adapter.bytes();
  info.scale = file.scale;
  return info;
}

}  // namespace

Result<void> open_adapters(std::span<const AdapterFile> files, Engine::Impl& impl) {
  if (files.size() > kMaxAdapters) {
    return Error{ErrorCode::kInvalidArgument, std::to_string(files.size()) + " adapters were given; a model takes at most " +
                                                  std::to_string(kMaxAdapters)};
  }
  std::vector<AdapterScale> scales;
  for (const AdapterFile& file : files) {
    impl.adapters.push_back(TRY(model::Adapter::bind(TRY(gguf::View::open(file.path)), impl.spec, *impl.weights)));
    impl.adapter_infos.push_back(adapter_info(file, *impl.adapters.back()));
    scales.push_back({static_cast<int>(scales.size()), file.scale});
  }
  impl.default_adapters = TRY(make_adapter_set(scales, impl.adapters.size()));
  return {};
}

Result<void> read_adapters(Engine::Impl& impl) {
  for (size_t i = 0; i < impl.adapters.size(); ++i) {
    impl.adapter_infos[i].sha256 = TRY(digest_of_files(*impl.adapters[i]->file()));
    TRY(impl.adapters[i]->read());
  }
  return {};
}

int64_t adapter_ranks(const Engine::Impl& impl) {
  int64_t ranks = 0;
  for (const auto& adapter : impl.adapters) ranks += adapter->widest_group();
  return ranks;
}

Result<AdapterSet> make_adapter_set(std::span<const AdapterScale> wanted, size_t adapters) {
  AdapterSet set(wanted.begin(), wanted.end());
  std::sort(set.begin(), set.end(), [](const AdapterScale& a, const AdapterScale& b) { return a.id < b.id; });
  for (size_t i = 0; i < set.size(); ++i) {
    const std::string name = "adapter " + std::to_string(set[i].id);
    if (set[i].id < 0 || static_cast<size_t>(set[i].id) >= adapters) {
      const std::string there = adapters == 0   ? "no adapters are loaded"
                                : adapters == 1 ? "only 0 is loaded"
                                                : "0 to " + std::to_string(adapters - 1) + " are loaded";
      return Error{ErrorCode::kInvalidArgument, name + " does not exist: " + there};
    }
    if (i > 0 && set[i].id == set[i - 1].id) return Error{ErrorCode::kInvalidArgument, name + " is named twice"};
    if (!std::isfinite(set[i].scale)) return Error{ErrorCode::kInvalidArgument, "the scale of " + name + " is not a finite number"};
  }
  std::erase_if(set, [](const AdapterScale& one) { return one.scale == 0; });
  return set;
}

}  // namespace hearth

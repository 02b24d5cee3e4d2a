// Opening a GGUF model and looking up its tensors.
//
// Contract: see view.h. All checking happens before open() returns.
// Not here: parsing (header.cpp, tensor_directory.cpp), values of keys (view_values.cpp).
#include "gguf/view.h"

#include "base/utf8.h"
#include "gguf/split.h"
#include "gguf/view_impl.h"

namespace hearth::gguf {

Result<void> View::Impl::assemble(std::vector<Part> all) {
  parts = std::move(all);
  for (const Entry& entry : parts.front().entries) keys.push_back({entry.key, entry.type, entry.element, entry.length});
  size_t count = 0;
  for (const Part& part : parts) count += part.tensors.size();
  tensors.reserve(count);
  tensor_of_name.reserve(count);
  for (Part& part : parts) {
    paths.push_back(part.path);
    file_bytes += part.bytes.size();
    for (const TensorInfo& tensor : part.tensors) {
      if (!tensor_of_name.emplace(tensor.name, static_cast<uint32_t>(tensors.size())).second) {
        return corrupt(part, "tensor '" + printable(tensor.name, 80) + "' appears twice");
      }
      tensors.push_back(tensor);
    }
    part.tensors = {};
  }
  return {};
}

View::View() : impl_(std::make_unique<Impl>()) {}
View::~View() = default;

Result<std::unique_ptr<View>> View::open(const std::string& path) {
  std::unique_ptr<View> view(new View);
  TRY(view->impl_->assemble(TRY(load_all_parts(path))));
  return view;
}

Result<std::unique_ptr<View>> View::open_bytes(std::span<const std::byte> bytes, const std::string& name) {
  std::unique_ptr<View> view(new View);
  std::vector<Part> parts;
  parts.push_back(TRY(load_part(bytes, name)));
  TRY(check_not_split(parts.front()));
  TRY(view->impl_->assemble(std::move(parts)));
  return view;
}

const TensorInfo* View::find_tensor(std::string_view name) const {
  const auto found = impl_->tensor_of_name.find(name);
  return found == impl_->tensor_of_name.end() ? nullptr : &impl_->tensors[found->second];
}

const std::vector<TensorInfo>& View::tensors() const {
  return impl_->tensors;
}
const std::vector<View::KeyInfo>& View::keys() const {
  return impl_->keys;
}
uint64_t View::file_bytes() const {
  return impl_->file_bytes;
}
const std::string& View::name() const {
  return impl_->paths.front();
}
uint32_t View::version() const {
  return impl_->parts.front().version;
}
const std::vector<std::string>& View::paths() const {
  return impl_->paths;
}

Result<void> View::check_intact() const {
  for (const Part& part : impl_->parts) {
    if (part.file) TRY(part.file->check_intact());
  }
  return {};
}

void View::advise(MapAdvice advice) const {
  for (const Part& part : impl_->parts) {
    if (part.file) part.file->advise(advice, 0, part.bytes.size());
  }
}

}  // namespace hearth::gguf

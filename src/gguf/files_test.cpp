// Opening by path: files that are no model, split models, and real files against what the gguf Python package reads.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gguf/split.h"
#include "gguf/view.h"
#include "gguf/writer.h"

namespace hearth::gguf {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class FilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "gguf_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    ::chmod(folder_.c_str(), 0755);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& bytes) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  static Error error_of(const std::string& path) {
    Result<std::unique_ptr<View>> view = View::open(path);
    EXPECT_FALSE(view.ok());
    if (view.ok()) return {};
    EXPECT_THAT(view.error().message, HasSubstr(path.substr(0, path.rfind('/'))));
    return view.error();
  }
  std::string folder_;
};

const std::vector<float> kWeights(64, 0.25f);

std::string model(int tensor, const std::function<void(Writer*)>& add_keys) {
  Writer writer;
  writer.set_string("general.name", "part with tensor " + std::to_string(tensor));
  add_keys(&writer);
  const uint64_t dims[] = {64};
  writer.add_tensor("t" + std::to_string(tensor), dims, quant::Format::kF32, std::as_bytes(std::span(kWeights)));
  return writer.serialise();
}

std::string part(int number, int count, int tensors) {
  return model(number, [&](Writer* writer) {
    writer->set_u16("split.no", static_cast<uint16_t>(number));
    writer->set_u16("split.count", static_cast<uint16_t>(count));
    writer->set_i32("split.tensors.count", tensors);
  });
}

TEST_F(FilesTest, WhatIsNoModelIsNamed) {
  const std::string good = model(0, [](Writer*) {});
  EXPECT_TRUE(View::open(write("good.gguf", good)).ok());
  EXPECT_THAT(error_of(write("cut.gguf", good.substr(0, good.size() - 100))).message, HasSubstr("it is cut short"));
  EXPECT_THAT(error_of(write("notes.txt", "Dear reader,\nthis is no model.\n")).message, HasSubstr("is a text file"));
  EXPECT_THAT(error_of(write("empty.gguf", "")).message, HasSubstr("the file is empty"));
  EXPECT_THAT(error_of(folder_).message, HasSubstr("is a folder"));
  EXPECT_THAT(error_of(folder_ + "/absent.gguf").message, HasSubstr("no such file"));
  const std::string secret = write("secret.gguf", good);
  ASSERT_EQ(::chmod(secret.c_str(), 0), 0);
  const bool superuser = ::geteuid() == 0;  // who may read anything, so step down for the attempt
  ASSERT_EQ(superuser ? ::seteuid(65534) : 0, 0);
  const Error error = error_of(secret);
  ASSERT_EQ(superuser ? ::seteuid(0) : 0, 0);
  EXPECT_EQ(error.code, ErrorCode::kPermission);
  EXPECT_THAT(error.message, HasSubstr("no permission"));
}

TEST_F(FilesTest, AnyPartOpensTheWholeModel) {
  uint64_t bytes = 0;
  for (int i = 0; i < 3; ++i) {
    const std::string file = part(i, 3, 3);
    bytes += file.size();
    write("m-0000" + std::to_string(i + 1) + "-of-00003.gguf", file);
  }
  for (int i = 1; i <= 3; ++i) {
    Result<std::unique_ptr<View>> view = View::open(part_path(folder_ + "/m", i, 3));
    ASSERT_TRUE(view.ok()) << view.error().message;
    EXPECT_EQ((*view)->get_string("general.name"), "part with tensor 0");
    ASSERT_EQ((*view)->tensors().size(), 3u);
    EXPECT_EQ((*view)->tensors()[2].name, "t2");
    ASSERT_NE((*view)->find_tensor("t1"), nullptr);
    EXPECT_EQ(*reinterpret_cast<const float*>((*view)->find_tensor("t1")->data), 0.25f);
    EXPECT_EQ((*view)->file_bytes(), bytes);
    EXPECT_EQ((*view)->paths().size(), 3u);
    EXPECT_EQ((*view)->name(), folder_ + "/m-00001-of-00003.gguf");
    (*view)->advise(MapAdvice::kWillNeed);
  }
}

TEST_F(FilesTest, SplitModelsThatDoNotFitTogetherAreRefused) {
  const std::string first = write("m-00001-of-00002.gguf", part(0, 2, 2));
  EXPECT_THAT(error_of(first).message,
              AllOf(HasSubstr("m-00002-of-00002.gguf: no such file"), HasSubstr("part 2 of the 2")));
  write("m-00002-of-00002.gguf", part(0, 2, 2));
  EXPECT_THAT(error_of(first).message, HasSubstr("its keys say part 1 of 2, its name part 2 of 2"));
  write("m-00002-of-00002.gguf", part(1, 3, 2));
  EXPECT_THAT(error_of(first).message, HasSubstr("its keys say part 2 of 3"));
  write("m-00002-of-00002.gguf", model(1, [](Writer*) {}));
  EXPECT_THAT(error_of(first).message, HasSubstr("its keys say part 1 of 1"));
  write("m-00002-of-00002.gguf", part(1, 2, 2));
  EXPECT_TRUE(View::open(first).ok());
  write("m-00001-of-00002.gguf", part(0, 2, 5));
  EXPECT_THAT(error_of(first).message, HasSubstr("announces 5 tensors, the parts hold 2"));

  EXPECT_THAT(error_of(write("renamed.gguf", part(0, 2, 2))).message,
              HasSubstr("must end in \"-00001-of-00002.gguf\""));
  EXPECT_THAT(error_of(write("x-00001-of-00002.gguf", part(2, 2, 2))).message, HasSubstr("'split.no' is 2"));
  EXPECT_THAT(error_of(write("x.gguf", part(0, 60000, 2))).message, HasSubstr("kMaxParts"));
  const std::string lacking = model(0, [](Writer* writer) { writer->set_u16("split.count", 2); });
  EXPECT_THAT(error_of(write("y-00001-of-00002.gguf", lacking)).message, HasSubstr("lacks key 'split.no'"));
}

TEST_F(FilesTest, TensorsOfTheSameNameInTwoPartsAreRefused) {
  const auto same = [](int number) {
    return model(7, [&](Writer* writer) {
      writer->set_u16("split.no", static_cast<uint16_t>(number));
      writer->set_u16("split.count", 2);
    });
  };
  write("m-00002-of-00002.gguf", same(1));
  EXPECT_THAT(error_of(write("m-00001-of-00002.gguf", same(0))).message, HasSubstr("tensor 't7' appears twice"));
}

TEST_F(FilesTest, BytesOfAPartAreRefused) {
  const std::string bytes = part(1, 3, 3);
  Result<std::unique_ptr<View>> view = View::open_bytes(std::as_bytes(std::span(bytes.data(), bytes.size())), "memory");
  ASSERT_FALSE(view.ok());
  EXPECT_THAT(view.error().message, HasSubstr("part 2 of a model split over 3 files"));
}

// ---- real files
// -------------------------------------------------------------------------------------------------------

uint64_t fnv(std::string_view bytes, uint64_t state = 0xCBF29CE484222325u) {
  for (char c : bytes) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return state;
}

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

template <class T>
std::string_view raw_view(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

std::string scalar_hash(const View& view, const View::KeyInfo& key) {
  switch (key.type) {
    case ValueType::kF32:
      return hex(fnv(raw_view(static_cast<float>(*view.get_f64(key.key)))));
    case ValueType::kBool:
      return hex(fnv(raw_view(static_cast<uint8_t>(*view.get_bool(key.key)))));
    case ValueType::kU32:
      return hex(fnv(raw_view(static_cast<uint32_t>(*view.get_u64(key.key)))));
    case ValueType::kU64:
      return hex(fnv(raw_view(*view.get_u64(key.key))));
    case ValueType::kString:
      return hex(fnv(*view.get_string(key.key)));
    default:
      return "type without a hash here";
  }
}

std::string array_hash(const View& view, const View::KeyInfo& key) {
  uint64_t state = fnv("");
  if (key.element == ValueType::kString) {
    const StringArray strings = *view.get_strings(key.key);
    EXPECT_EQ(strings.size(), key.length);
    for (size_t i = 0; i < strings.size(); ++i) {
      state = fnv(strings[i], fnv(raw_view(static_cast<uint64_t>(strings[i].size())), state));
    }
  } else if (key.element == ValueType::kF32) {
    const std::span<const float> values = *view.get_f32s(key.key);
    for (float value : values) state = fnv(raw_view(value), state);
  } else {
    const std::span<const int32_t> values = *view.get_i32s(key.key);
    for (int32_t value : values) state = fnv(raw_view(value), state);
  }
  return hex(state);
}

// The file in the words of tests/oracle/gguf_goldens.py.
std::string summary(const View& view) {
  constexpr const char* kTypes[] = {"u8",   "i8",     "u16", "i16", "u32", "i32", "f32",
                                    "bool", "string", "",    "u64", "i64", "f64"};
  std::ostringstream out;
  for (const View::KeyInfo& key : view.keys()) {
    const bool array = key.type == ValueType::kArray;
    out << "key\t" << key.key << "\t" << kTypes[static_cast<int>(key.element)] << (array ? "[]" : "") << "\t"
        << key.length << "\t" << (array ? array_hash(view, key) : scalar_hash(view, key)) << "\n";
  }
  for (const TensorInfo& tensor : view.tensors()) {
    out << "tensor\t" << tensor.name << "\t" << quant::traits(tensor.format).name << "\t";
    for (int i = 0; i < tensor.dim_count; ++i) out << (i > 0 ? "x" : "") << tensor.dims[i];
    const std::string_view data(reinterpret_cast<const char*>(tensor.data), tensor.bytes);
    const size_t end = std::min<size_t>(64, data.size());
    out << "\t" << tensor.bytes << "\t" << hex(fnv(data.substr(data.size() - end), fnv(data.substr(0, end)))) << "\n";
  }
  return out.str();
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::vector<std::filesystem::path> model_folders() {
  std::filesystem::path shared = environment("HEARTH_SHARED_DIR");
  if (shared.empty()) shared = std::filesystem::path(HEARTH_SOURCE_DIR) / ".." / "shared";
  std::filesystem::path cache = environment("HEARTH_MODEL_CACHE");
  if (cache.empty() && !environment("XDG_CACHE_HOME").empty()) {
    cache = std::filesystem::path(environment("XDG_CACHE_HOME")) / "hearth" / "models";
  }
  if (cache.empty()) cache = std::filesystem::path(environment("HOME")) / ".cache" / "hearth" / "models";
  return {shared / "models" / "stories260K", shared / "models" / "vocab", cache};
}

TEST(RealFiles, ReadAsTheReferenceReadsThem) {
  int compared = 0;
  for (const auto& golden :
       std::filesystem::directory_iterator(std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/gguf")) {
    std::string path;
    for (const std::filesystem::path& folder : model_folders()) {
      const std::filesystem::path candidate = folder / (golden.path().stem().string() + ".gguf");
      if (std::filesystem::exists(candidate)) path = candidate.string();
    }
    if (path.empty()) {
      std::cout << "not run: " << golden.path().stem().string()
                << ".gguf is in neither ../shared nor the model cache\n";
      continue;
    }
    SCOPED_TRACE(path);
    Result<std::unique_ptr<View>> view = View::open(path);
    ASSERT_TRUE(view.ok()) << view.error().message;
    std::ifstream file(golden.path());
    std::stringstream expected;
    expected << file.rdbuf();
    EXPECT_EQ(summary(**view), expected.str());
    ++compared;
  }
  std::cout << compared << " real files compared\n";
}

}  // namespace
}  // namespace hearth::gguf

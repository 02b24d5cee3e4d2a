// The View over files that are made here: every type of value, and a message of its own for every kind of damage.
#include "gguf/view.h"

#include <cstring>
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gguf/writer.h"

namespace hearth::gguf {
namespace {

using ::testing::HasSubstr;

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

template <class T>
std::string raw(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

struct Opened {  // a View and the bytes that it points into
  std::unique_ptr<std::string> file;
  std::unique_ptr<View> view;
  const View* operator->() const { return view.get(); }
};

Opened open(std::string bytes) {
  Opened opened{std::make_unique<std::string>(std::move(bytes)), nullptr};
  Result<std::unique_ptr<View>> view = View::open_bytes(as_bytes(*opened.file), "test.gguf");
  EXPECT_TRUE(view.ok()) << view.error().message;
  if (view.ok()) opened.view = std::move(view).value();
  return opened;
}

Error error_of(const std::string& file) {
  Result<std::unique_ptr<View>> view = View::open_bytes(as_bytes(file), "test.gguf");
  EXPECT_FALSE(view.ok());
  if (view.ok()) return {};
  EXPECT_THAT(view.error().message, HasSubstr("test.gguf: "));
  return view.error();
}

const std::vector<float> kWeights(64, 0.5f);

Writer small_writer() {
  Writer writer;
  writer.set_string("general.architecture", "none");
  const uint64_t dims[] = {32, 2};
  writer.add_tensor("a.weight", dims, quant::Format::kF32, std::as_bytes(std::span(kWeights)));
  writer.add_tensor("b.weight", dims, quant::Format::kF32, std::as_bytes(std::span(kWeights)));
  return writer;
}

// Replaces the bytes of `what` at its only occurrence plus `shift`.
std::string patched(std::string file, const std::string& what, size_t shift, const std::string& bytes) {
  const size_t at = file.find(what);
  EXPECT_NE(at, std::string::npos);
  EXPECT_EQ(file.find(what, at + 1), std::string::npos) << "ambiguous patch";
  file.replace(at + shift, bytes.size(), bytes);
  return file;
}

TEST(View, ReadsEveryTypeOfValue) {
  Writer writer;
  writer.set_u8("u8", 200);
  writer.set_raw("i8", ValueType::kI8, raw<int8_t>(-100));
  writer.set_u16("u16", 60000);
  writer.set_raw("i16", ValueType::kI16, raw<int16_t>(-30000));
  writer.set_u32("u32", 4000000000u);
  writer.set_i32("i32", -2000000000);
  writer.set_u64("u64", std::numeric_limits<uint64_t>::max());
  writer.set_i64("i64", std::numeric_limits<int64_t>::min());
  writer.set_f32("f32", 1e-5f);
  writer.set_f64("f64", 0.1);
  writer.set_bool("true", true);
  writer.set_bool("false", false);
  writer.set_string("text", "a\nb");
  const Opened view = open(writer.serialise());
  EXPECT_EQ(view->get_u64("u8"), 200u);
  EXPECT_EQ(view->get_i64("i8"), -100);
  EXPECT_EQ(view->get_u64("u16"), 60000u);
  EXPECT_EQ(view->get_i64("i16"), -30000);
  EXPECT_EQ(view->get_i64("u32"), 4000000000);
  EXPECT_EQ(view->get_i64("i32"), -2000000000);
  EXPECT_EQ(view->get_u64("u64"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(view->get_i64("i64"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(view->get_f64("f32"), static_cast<double>(1e-5f));
  EXPECT_EQ(view->get_f64("f64"), 0.1);
  EXPECT_EQ(view->get_f64("i8"), -100.0);
  EXPECT_EQ(view->get_bool("true"), true);
  EXPECT_EQ(view->get_bool("false"), false);
  EXPECT_EQ(view->get_string("text"), "a\nb");
  EXPECT_EQ(view->version(), 3u);
  EXPECT_EQ(view->keys().size(), 13u);
  EXPECT_EQ(view->keys()[12].key, "text");
}

TEST(View, OtherTypesAndValuesThatDoNotFitAreAbsent) {
  Writer writer;
  writer.set_i32("negative", -1);
  writer.set_u64("huge", std::numeric_limits<uint64_t>::max());
  writer.set_string("text", "1");
  writer.set_f32("real", 1.0f);
  writer.set_bool("bool", true);
  const Opened view = open(writer.serialise());
  EXPECT_FALSE(view->get_u64("negative").has_value());
  EXPECT_FALSE(view->get_i64("huge").has_value());
  EXPECT_FALSE(view->get_u64("text").has_value());
  EXPECT_FALSE(view->get_u64("real").has_value());
  EXPECT_FALSE(view->get_u64("bool").has_value());
  EXPECT_FALSE(view->get_bool("huge").has_value());
  EXPECT_FALSE(view->get_f64("text").has_value());
  EXPECT_FALSE(view->get_string("real").has_value());
  EXPECT_FALSE(view->get_u64("absent").has_value());
  EXPECT_FALSE(view->has("absent"));
  EXPECT_TRUE(view->has("bool"));
}

TEST(View, ReadsArraysAtEveryAlignment) {
  for (size_t shift = 0; shift < 8; ++shift) {
    Writer writer;
    writer.set_string("pad", std::string(shift, 'x'));
    writer.set_strings("strings", std::vector<std::string>{"", "one", std::string("z\0z", 3)});
    writer.set_f32s("floats", std::vector<float>{1.5f, -2.0f});
    writer.set_i32s("ints", std::vector<int32_t>{-7, 8});
    writer.set_u32s("unsigned", std::vector<uint32_t>{1, 2, 3});
    writer.set_bools("bools", {true, false, true});
    writer.set_raw("wide", ValueType::kArray,
                   raw<uint32_t>(11) + raw<uint64_t>(2) + raw<int64_t>(-5) + raw<int64_t>(1));
    writer.set_f32s("empty", {});
    const Opened view = open(writer.serialise());
    const StringArray strings = *view->get_strings("strings");
    ASSERT_EQ(strings.size(), 3u);
    EXPECT_EQ(strings[0], "");
    EXPECT_EQ(strings[1], "one");
    EXPECT_EQ(strings[2], std::string_view("z\0z", 3));
    EXPECT_THAT(*view->get_f32s("floats"), testing::ElementsAre(1.5f, -2.0f));
    EXPECT_THAT(*view->get_i32s("ints"), testing::ElementsAre(-7, 8));
    EXPECT_THAT(*view->get_i32s("unsigned"), testing::ElementsAre(1, 2, 3));
    EXPECT_THAT(*view->get_integers("bools"), testing::ElementsAre(1, 0, 1));
    EXPECT_THAT(*view->get_integers("ints"), testing::ElementsAre(-7, 8));
    EXPECT_THAT(view->get_integers("wide").value(), testing::ElementsAre(-5, 1));
    EXPECT_TRUE(view->get_f32s("empty")->empty());
    EXPECT_THAT(view->get_i32s("floats").error().message,
                HasSubstr("key 'floats' is an array of f32; an array of i32 or u32"));
    EXPECT_THAT(view->get_f32s("none").error().message, HasSubstr("key 'none' is missing"));
    EXPECT_FALSE(view->get_integers("floats").ok());
    EXPECT_FALSE(view->get_strings("pad").ok());
  }
}

TEST(View, BytesMayLieAnywhere) {
  const std::string file = small_writer().serialise();
  for (size_t shift = 1; shift < 8; ++shift) {
    const std::string moved = std::string(shift, ' ') + file;
    Result<std::unique_ptr<View>> view = View::open_bytes(as_bytes(moved).subspan(shift), "x");
    ASSERT_TRUE(view.ok());
    const TensorInfo* tensor = (*view)->find_tensor("b.weight");
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor->data) % alignof(float), 0u);
    EXPECT_EQ(*reinterpret_cast<const float*>(tensor->data), 0.5f);
  }
}

TEST(View, TensorsHaveShapeFormatAndBytes) {
  Writer writer = small_writer();
  const std::vector<char> blocks(18 * 6, 3);
  const uint64_t dims[] = {64, 3};
  writer.add_tensor("q", dims, quant::Format::kQ4_0, std::as_bytes(std::span(blocks)));
  for (uint32_t alignment : {8u, 32u, 4096u}) {
    writer.set_alignment(alignment);
    const std::string file = writer.serialise();
    const Opened view = open(file);
    ASSERT_EQ(view->tensors().size(), 3u);
    const TensorInfo* tensor = view->find_tensor("q");
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->format, quant::Format::kQ4_0);
    EXPECT_EQ(tensor->dim_count, 2);
    EXPECT_THAT(tensor->dims, testing::ElementsAre(64, 3, 1, 1));
    EXPECT_EQ(tensor->bytes, blocks.size());
    EXPECT_EQ(tensor->value_count, 192u);
    EXPECT_EQ(std::memcmp(tensor->data, blocks.data(), blocks.size()), 0);
    EXPECT_EQ(view->find_tensor("none"), nullptr);
    EXPECT_EQ(view->file_bytes(), file.size());
  }
}

TEST(View, VersionTwoIsReadAndOthersAreNamed) {
  std::string file = small_writer().serialise();
  file[4] = 2;
  EXPECT_EQ(open(file)->version(), 2u);
  file[4] = 1;
  EXPECT_THAT(error_of(file).message, HasSubstr("version 1"));
  EXPECT_EQ(error_of(file).code, ErrorCode::kUnsupported);
  file[4] = 4;
  EXPECT_THAT(error_of(file).message, HasSubstr("version 4"));
  file[4] = 0;
  EXPECT_THAT(error_of(file).message, HasSubstr("version 0"));
  file[7] = 3;
  EXPECT_THAT(error_of(file).message, HasSubstr("big-endian"));
}

TEST(View, ForeignFilesAreNamed) {
  EXPECT_THAT(error_of("Hello, this is prose.\n").message, HasSubstr("is a text file"));
  EXPECT_THAT(error_of("<!DOCTYPE HTML><html>").message, HasSubstr("web page"));
  EXPECT_THAT(error_of("version https://git-lfs.github.com/spec/v1\noid sha256:00").message,
              HasSubstr("Git LFS pointer"));
  EXPECT_THAT(error_of(raw<uint64_t>(100) + "{\"a\":{}}").message, HasSubstr("safetensors"));
  EXPECT_THAT(error_of("PK\x03\x04zzzz").message, HasSubstr("zip archive"));
  EXPECT_THAT(error_of("tjgg\x01").message, HasSubstr("old GGML format"));
  EXPECT_THAT(error_of(std::string(100, '\0')).message, HasSubstr("zeros"));
  EXPECT_THAT(error_of("\x93\xff\x01").message, HasSubstr("does not begin with \"GGUF\""));
  EXPECT_THAT(error_of("").message, HasSubstr("empty"));
  EXPECT_THAT(error_of("GG").message, HasSubstr("text file"));
}

TEST(View, EveryTruncationIsAnErrorThatSaysSo) {
  Writer writer = small_writer();
  writer.set_strings("strings", std::vector<std::string>{"one", "two"});
  writer.set_f32s("floats", std::vector<float>{1, 2, 3});
  std::string file = writer.serialise();
  for (size_t size = 4; size < file.size(); ++size) {
    EXPECT_THAT(error_of(file.substr(0, size)).message, testing::AnyOf(HasSubstr("cut short"), HasSubstr("can hold")))
        << size;
  }
}

TEST(View, CountsBeyondTheFileAreRefused) {
  const std::string file = small_writer().serialise();
  for (uint64_t count : {uint64_t{1} << 20, uint64_t{1} << 40, ~uint64_t{0}}) {
    std::string bad = file;
    EXPECT_THAT(error_of(bad.replace(8, 8, raw(count))).message, HasSubstr("tensors, more than the file's"));
    bad = file;
    EXPECT_THAT(error_of(bad.replace(16, 8, raw(count))).message, HasSubstr("keys, more than the file's"));
    Writer writer;
    writer.set_raw("a", ValueType::kArray, raw<uint32_t>(8) + raw(count));
    EXPECT_THAT(error_of(writer.serialise()).message, HasSubstr("key 'a' announces"));
    writer.set_raw("a", ValueType::kString, raw(count));
    EXPECT_THAT(error_of(writer.serialise()).message, HasSubstr("cut short"));
  }
}

TEST(View, LimitsAreNamed) {
  std::string file = small_writer().serialise();
  file.resize(4 << 20);
  file.replace(16, 8, raw<uint64_t>(100000));
  EXPECT_THAT(error_of(file).message, HasSubstr("kMaxKeys"));
  Writer writer;
  writer.set_u8(std::string(70000, 'k'), 1);
  EXPECT_THAT(error_of(writer.serialise()).message, HasSubstr("kMaxKeyBytes"));
  Writer named;
  const uint64_t dims[] = {64};
  named.add_tensor(std::string(300, 't'), dims, quant::Format::kF32, std::as_bytes(std::span(kWeights)));
  EXPECT_THAT(error_of(named.serialise()).message, HasSubstr("kMaxTensorNameBytes"));
}

TEST(View, BadKeysAreRefused) {
  Writer writer;
  writer.set_u8("", 1);
  EXPECT_THAT(error_of(writer.serialise()).message, HasSubstr("empty name"));
  Writer broken;
  broken.set_u8("a\xff", 1);
  EXPECT_THAT(error_of(broken.serialise()).message, HasSubstr("'a\\xff'"));
  Writer twice;
  twice.set_u8("twin_a", 1);
  twice.set_u8("twin_b", 2);
  EXPECT_THAT(error_of(patched(twice.serialise(), "twin_b", 5, "a")).message, HasSubstr("key 'twin_a' appears twice"));
  Writer types;
  types.set_raw("k", static_cast<ValueType>(13), "xxxxxxxx");
  EXPECT_THAT(error_of(types.serialise()).message, HasSubstr("key 'k' has unknown type 13"));
  types.set_raw("k", ValueType::kArray, raw<uint32_t>(77) + raw<uint64_t>(0));
  EXPECT_THAT(error_of(types.serialise()).message, HasSubstr("unknown type 77"));
  types.set_raw("k", ValueType::kArray, raw<uint32_t>(9) + raw<uint64_t>(1) + raw<uint32_t>(0) + raw<uint64_t>(0));
  EXPECT_THAT(error_of(types.serialise()).message, HasSubstr("array of arrays"));
  types.set_raw("k", ValueType::kBool, "\x02");
  EXPECT_THAT(error_of(types.serialise()).message, HasSubstr("neither 0 nor 1"));
  types.set_raw("k", ValueType::kArray, raw<uint32_t>(7) + raw<uint64_t>(2) + "\x01\x05");
  EXPECT_THAT(error_of(types.serialise()).message, HasSubstr("neither 0 nor 1"));
}

TEST(View, BadAlignmentIsRefused) {
  for (uint32_t alignment : {0u, 1u, 4u, 24u, 33u, 1u << 22, ~0u}) {
    Writer writer = small_writer();
    writer.set_u32("general.alignment", alignment);
    EXPECT_THAT(error_of(writer.serialise()).message, HasSubstr("'general.alignment' is " + std::to_string(alignment)));
  }
  Writer writer = small_writer();
  writer.set_string("general.alignment", "32");
  EXPECT_THAT(error_of(writer.serialise()).message, HasSubstr("must be an unsigned integer; it is string"));
}

// Offsets of the fields in a directory entry with 2 dimensions, counted from its name "b.weight".
constexpr size_t kDimCount = 8, kDims = 12, kFormat = 28, kOffset = 32;

TEST(View, BadTensorsAreNamed) {
  const std::string file = small_writer().serialise();
  const auto patch = [&](size_t field, const std::string& bytes) {
    return error_of(patched(file, "b.weight", field, bytes));
  };
  EXPECT_THAT(patch(kDimCount, raw<uint32_t>(5)).message, HasSubstr("tensor 'b.weight' has 5 dimensions"));
  EXPECT_THAT(patch(kDims, raw<uint64_t>(0)).message, HasSubstr("'b.weight': dimension 0 is 0"));
  EXPECT_THAT(patch(kDims, raw<uint64_t>(uint64_t{1} << 63)).message, HasSubstr("exceeds 64 bits"));
  EXPECT_THAT(patch(kDims, raw<uint64_t>(uint64_t{1} << 61)).message, HasSubstr("exceeds 64 bits"));
  EXPECT_THAT(patch(kDims, raw<uint64_t>(uint64_t{1} << 59)).message, HasSubstr("cut short"));
  EXPECT_THAT(patch(kOffset, raw<uint64_t>(257)).message, HasSubstr("not a multiple of the alignment 32"));
  EXPECT_THAT(patch(kOffset, raw<uint64_t>(~uint64_t{31})).message, HasSubstr("exceed 64 bits"));
  EXPECT_THAT(patch(kOffset, raw<uint64_t>(512)).message, HasSubstr("'b.weight' ends at byte"));
  EXPECT_THAT(patch(kOffset, raw<uint64_t>(0)).message, HasSubstr("overlap"));
  EXPECT_THAT(patch(kOffset, raw<uint64_t>(224)).message, HasSubstr("'a.weight' and tensor 'b.weight' overlap"));
  EXPECT_THAT(patch(0, "a").message, HasSubstr("tensor 'a.weight' appears twice"));
  EXPECT_THAT(patch(0, "\xff").message, HasSubstr("not valid UTF-8"));

  const Error unread = patch(kFormat, raw<uint32_t>(16));
  EXPECT_EQ(unread.code, ErrorCode::kUnsupported);
  EXPECT_THAT(unread.message, HasSubstr("tensor 'b.weight' has format IQ2_XXS"));
  EXPECT_THAT(patch(kFormat, raw<uint32_t>(99)).message, HasSubstr("unknown format number 99"));
  EXPECT_THAT(patch(kFormat, raw<uint32_t>(12)).message, HasSubstr("not a multiple of the 256 in a block of Q4_K"));
}

TEST(View, DescribesValuesForPeople) {
  Writer writer;
  writer.set_f32("epsilon", 1e-5f);
  writer.set_u64("big", std::numeric_limits<uint64_t>::max());
  writer.set_bool("flag", true);
  writer.set_string("text", "line\n\x1b[2J");
  writer.set_strings("tokens", std::vector<std::string>{"a", "\n"});
  writer.set_i32s("many", std::vector<int32_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  writer.set_f64("nan", std::numeric_limits<double>::quiet_NaN());
  const Opened view = open(writer.serialise());
  EXPECT_EQ(view->describe("epsilon"), "1e-05");
  EXPECT_EQ(view->describe("big"), "18446744073709551615");
  EXPECT_EQ(view->describe("flag"), "true");
  EXPECT_EQ(view->describe("text"), "line\\n\\x1b[2J");
  EXPECT_EQ(view->describe("tokens"), "string[2]: \"a\", \"\\n\"");
  EXPECT_EQ(view->describe("many"), "i32[10]: 1, 2, 3, 4, 5, 6, 7, 8, ...");
  EXPECT_EQ(view->describe("nan"), "nan");
  EXPECT_EQ(view->describe("absent"), "");
}

}  // namespace
}  // namespace hearth::gguf

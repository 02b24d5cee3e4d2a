// A runner that does not come back is noticed, told, and forgiven when it does; /health says so.
#include "server/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>

#include "server/status.h"

namespace hearth::server {
namespace {

// Parts that are as busy as the test says.
struct FakeParts {
  std::vector<Watchdog::Part> parts = {{"the model a", 0}, {"the model b", 0}};
  std::atomic<int> well{0};
  Watchdog::Surroundings surroundings() {
    return {[this] { return parts; }, [this] { ++well; }};
  }
};

TEST(Watchdog, NoticesWhatIsOverTheBoundAndForgivesIt) {
  FakeParts fake;
  Watchdog watchdog(10, fake.surroundings());
  watchdog.look();
  EXPECT_FALSE(watchdog.problem().has_value());
  EXPECT_EQ(fake.well, 1);

  fake.parts[0].busy_seconds = 10;  // as long as it may
  watchdog.look();
  EXPECT_FALSE(watchdog.problem().has_value());
  EXPECT_EQ(fake.well, 2);

  fake.parts[0].busy_seconds = 11.5;
  watchdog.look();
  ASSERT_TRUE(watchdog.problem().has_value());
  EXPECT_EQ(*watchdog.problem(), "the model a has been at one piece of work for 11 s");
  EXPECT_EQ(fake.well, 2) << "a stuck server must not say that it is well";

  fake.parts[1].busy_seconds = 30;  // the worst is told
  watchdog.look();
  EXPECT_EQ(*watchdog.problem(), "the model b has been at one piece of work for 30 s");

  fake.parts[0].busy_seconds = fake.parts[1].busy_seconds = 0;
  watchdog.look();
  EXPECT_FALSE(watchdog.problem().has_value());
  EXPECT_EQ(fake.well, 3);
}

TEST(Watchdog, LooksByItselfUntilItEnds) {
  FakeParts fake;
  {
    Watchdog watchdog(10, fake.surroundings());
    watchdog.start(std::chrono::milliseconds(1));
    while (fake.well < 5) std::this_thread::yield();
  }
  const int ended = fake.well;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(fake.well, ended);
}

int status_of_health(Context& context, std::string* body) {
  int status = 0;
  Responder::Sink sink;
  sink.send = [&](int code, Headers, std::string text) { status = code, *body = std::move(text); };
  const auto responder = std::make_shared<Responder>(std::move(sink));
  health(context, Request{}, responder);
  return status;
}

TEST(Watchdog, HealthIs503WhileSomethingIsStuck) {
  char folder[] = "/tmp/hearth-watchdog-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  Result<library::Library> library = library::Library::open_at(folder);
  ASSERT_TRUE(library.ok());
  {
    Models models(std::move(library).value(), {});
    FakeParts fake;
    Watchdog watchdog(10, fake.surroundings());
    Context context{models, "1"};
    context.watchdog = &watchdog;
    std::string body;
    EXPECT_EQ(status_of_health(context, &body), 200);
    EXPECT_EQ(body, R"({"status":"ok"})");
    fake.parts[0].busy_seconds = 700;
    watchdog.look();
    EXPECT_EQ(status_of_health(context, &body), 503);
    EXPECT_NE(body.find("the model a has been at one piece of work for 700 s"), std::string::npos) << body;
    fake.parts[0].busy_seconds = 0;
    watchdog.look();
    EXPECT_EQ(status_of_health(context, &body), 200);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hearth::server

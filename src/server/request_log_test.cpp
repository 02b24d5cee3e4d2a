// What the log tells of a request, and what it keeps to itself.
#include "server/request_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace hearth::server {
namespace {

RequestFacts chat() {
  RequestFacts facts;
  facts.id = "req-1";
  facts.method = "POST";
  facts.path = facts.route = "/v1/chat/completions";
  facts.dialect = "openai";
  facts.status = 200;
  facts.seconds = 1.5;
  facts.key = "reader";
  facts.model = "tiny";
  facts.answers = 1;
  facts.prompt_tokens = 30, facts.reused_tokens = 20, facts.answer_tokens = 10;
  facts.answer_ms = 500;
  facts.finish_reason = "stop";
  return facts;
}

bool has(const LogFields& fields, std::string_view name) {
  return std::any_of(fields.begin(), fields.end(), [&](const LogField& field) { return name == field.name; });
}

TEST(RequestLog, TellsCountsTimesAndWho) {
  EXPECT_EQ(line_of(chat()),
            "POST /v1/chat/completions 200 in 1.50 s; tiny, 30 tokens of prompt (20 known), 10 of answer at 20.0/s, stop; key reader; req-1");
  const LogFields fields = fields_of(chat());
  for (const char* name : {"request_id", "method", "path", "status", "seconds", "route", "dialect", "key", "model", "answers",
                           "prompt_tokens", "reused_tokens", "answer_tokens", "prompt_ms", "answer_ms", "finish_reason"}) {
    EXPECT_TRUE(has(fields, name)) << name;
  }
  EXPECT_FALSE(has(fields, "asked"));
  EXPECT_FALSE(has(fields, "error"));
}

TEST(RequestLog, WhatComesFromOutsideCannotWriteLines) {
  RequestFacts facts = chat();
  facts.path = "/a\nhearth: error: forged \x1b[2J";
  facts.error = "bad\r\nthing";
  const std::string line = line_of(facts);
  EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char byte) { return static_cast<unsigned char>(byte) >= 0x20; })) << line;
}

TEST(RequestLog, LevelsFollowTheStatus) {
  RequestFacts facts = chat();
  EXPECT_EQ(level_of(facts), LogLevel::kInfo);
  facts.status = 404;
  EXPECT_EQ(level_of(facts), LogLevel::kInfo);
  facts.status = 503;
  EXPECT_EQ(level_of(facts), LogLevel::kWarning);
  facts.path = "/health";
  EXPECT_EQ(level_of(facts), LogLevel::kWarning);
  facts.status = 200;
  EXPECT_EQ(level_of(facts), LogLevel::kDebug);
}

TEST(RequestLog, IsReportedOnceWhenTheLastOneLetsGo) {
  int reports = 0;
  RequestFacts told;
  auto record = std::make_shared<RequestRecord>([&](const RequestFacts& facts) { told = facts, ++reports; }, false);
  auto other = record;
  record->add([](RequestFacts& facts) { facts.status = 200; });
  record.reset();
  EXPECT_EQ(reports, 0);
  other->add([](RequestFacts& facts) { facts.model = "tiny"; });
  other.reset();
  EXPECT_EQ(reports, 1);
  EXPECT_EQ(told.status, 200);
  EXPECT_EQ(told.model, "tiny");
  EXPECT_GE(told.seconds, 0);
}

}  // namespace
}  // namespace hearth::server

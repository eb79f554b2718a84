#include "comm/fatal_report.h"

#include <gtest/gtest.h>

namespace omnigen::comm {
namespace {

using Cause = FatalReport::Cause;

FatalReport report(int rank, Cause cause) {
  return {.rank = rank, .host = "b", .step = 17, .exit_code = 3, .cause = cause, .message = "why"};
}

TEST(FatalReport, LineNamesProgramRankHostAndStep) {
  EXPECT_EQ(fatal_line("omnigen-cache", report(2, Cause::kError)),
            "omnigen-cache: fatal: rank 2 host b step 17: why");
}

TEST(FatalReport, AnErrorOfItsOwnExplainsMoreThanADeathAndBothMoreThanACommFailure) {
  EXPECT_EQ(most_telling({report(0, Cause::kComm), report(3, Cause::kDeath)}).rank, 3);
  EXPECT_EQ(most_telling({report(1, Cause::kDeath), report(3, Cause::kError)}).rank, 3);
}

TEST(FatalReport, AmongEqualCausesTheLowestRankSpeaks) {
  EXPECT_EQ(most_telling({report(2, Cause::kError), report(0, Cause::kError)}).rank, 0);
}

TEST(FatalReport, SurvivesTheWire) {
  FatalReport sent = report(4, Cause::kDeath);
  sent.message = "line one\nline \"two\"";
  const FatalReport received = fatal_report_from_json(to_json(sent));
  EXPECT_EQ(received.rank, 4);
  EXPECT_EQ(received.host, "b");
  EXPECT_EQ(received.step, 17);
  EXPECT_EQ(received.exit_code, 3);
  EXPECT_EQ(received.cause, Cause::kDeath);
  EXPECT_EQ(received.message, sent.message);
}

TEST(FatalReport, FileNamesInOtherEncodingsDoNotStopIt) {
  FatalReport sent = report(0, Cause::kError);
  sent.message = "caf\xe9.jpg";
  EXPECT_EQ(fatal_report_from_json(to_json(sent)).message, "caf\xef\xbf\xbd.jpg");
}

}  // namespace
}  // namespace omnigen::comm

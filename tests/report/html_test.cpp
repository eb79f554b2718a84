#include "report/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace omnigen::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(EscapeHtml, LeavesNoMarkup) {
  EXPECT_EQ(escape_html("a \"cat\" & <script>'x'</script>"),
            "a &quot;cat&quot; &amp; &lt;script&gt;'x'&lt;/script&gt;");
  EXPECT_EQ(escape_html("Käse, 猫"), "Käse, 猫");
}

TEST(JsonForScript, CannotEndItsElementAndReadsBackTheSame) {
  const nlohmann::ordered_json json = {{"caption", "</script><!-- <b>"}, {"n", {1, 0.5}}};
  const std::string text = json_for_script(json);
  EXPECT_THAT(text, Not(HasSubstr("<")));
  EXPECT_EQ(nlohmann::ordered_json::parse(text), json);
}

TEST(JsonForScript, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(json_for_script("a\xFF"
                            "b"),
            "\"a\xEF\xBF\xBD"
            "b\"");
}

// RFC 4648, chapter 10.
TEST(DataUri, IsBase64) {
  EXPECT_EQ(data_uri("text/plain", ""), "data:text/plain;base64,");
  EXPECT_EQ(data_uri("text/plain", "f"), "data:text/plain;base64,Zg==");
  EXPECT_EQ(data_uri("text/plain", "fo"), "data:text/plain;base64,Zm8=");
  EXPECT_EQ(data_uri("text/plain", "foobar"), "data:text/plain;base64,Zm9vYmFy");
  EXPECT_EQ(data_uri("a/b", std::string("\xFF\xFE\x00", 3)), "data:a/b;base64,//4A");
}

}  // namespace
}  // namespace omnigen::report

#include "train/memory_advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace omnigen::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string error_of(const MemoryUse& use) {
  try {
    advise_on_memory(use, [] {
      TORCH_CHECK_WITH(OutOfMemoryError, false,
                       "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity "
                       "of 79.2 GiB of which 0.3 GiB is free.\nA second line");
      return 0;
    });
    return "";
  } catch (const util::Error& error) {
    EXPECT_EQ(error.exit_code(), 1);
    return error.what();
  }
}

TEST(MemoryAdvice, SaysWhatWouldNeedLessInTraining) {
  config::Config config;
  config.model.gradient_checkpointing = false;
  RunPlan plan;
  plan.batch.micro_batch = 6;
  plan.sets = {{"a", 3, 0, false, "", {{"1024x1024", 3}}}};
  EXPECT_THAT(
      error_of(training_use(config, plan)),
      AllOf(HasSubstr("out of GPU memory while training with 6 samples at a time of sizes up to "
                      "1024x1024. Try: gradient_checkpointing true; train_batch_size lower, "
                      "gradient_accumulation_steps higher; base_model_precision int8-quanto."),
            HasSubstr("GPU 0 has a total capacity of 79.2 GiB"), Not(HasSubstr("second line"))));
}

TEST(MemoryAdvice, ProposesNothingThatIsSetAlready) {
  config::Config config;
  config.model.base_model_precision = "int8-quanto";
  RunPlan plan;
  plan.batch.micro_batch = 1;
  EXPECT_THAT(error_of(training_use(config, plan)), HasSubstr("Try: a smaller resolution"));
  config.model.quantize_via = "cpu";
  EXPECT_THAT(error_of(loading_use(config.model)), Not(HasSubstr("quantize_via")));
}

TEST(MemoryAdvice, QuantisesOnTheHostWhenLoadingFails) {
  const config::Config config;
  EXPECT_THAT(error_of(loading_use(config.model)),
              AllOf(HasSubstr("loading the transformer in bf16"), HasSubstr("quantize_via cpu")));
}

TEST(MemoryAdvice, GivesBackWhatTheBodyReturns) {
  EXPECT_EQ(advise_on_memory({}, [] { return 7; }), 7);
}

}  // namespace
}  // namespace omnigen::train

// One test for each rule between keys; the last word of a test's name is the rule's id.
#include "config/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_folder.h"

namespace omnigen::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Rules, StepsAndEpochsExcludeEachOther_C01) {
  EXPECT_THAT(
      error_with({{"num_train_epochs", 3}}),
      AllOf(HasSubstr("you must set --num_train_epochs (NUM_EPOCHS) to 0. They are 1000 and 3"),
            HasSubstr("[C01]")));
}

TEST(Rules, EpochsLeftOutBecomeZero_C01) {
  const LoadResult result = result_with({{"num_train_epochs", nullptr}});
  EXPECT_EQ(result.config.train.num_train_epochs, 0);
  EXPECT_THAT(
      joined(result.notices),
      HasSubstr("config: num_train_epochs not given, using 0 because max_train_steps=1000 [C01]"));
}

TEST(Rules, ALengthIsNeeded_C02) {
  EXPECT_THAT(error_with({{"max_train_steps", 0}}), HasSubstr("[C02]"));
  EXPECT_EQ(error_with({{"max_train_steps", 0}, {"num_train_epochs", 0.5}}), "");
}

TEST(Rules, SkippingNonfiniteStepsHasALimit) {
  EXPECT_EQ(result_with({{"skip_nonfinite_steps", true}}).config.train.max_nonfinite_steps, 10);
  EXPECT_EQ(result_with({{"skip_nonfinite_steps", true}, {"max_nonfinite_steps", 3}})
                .config.train.max_nonfinite_steps,
            3);
  EXPECT_EQ(result_with({}).config.train.max_nonfinite_steps, 0);
}

TEST(Rules, AccumulationOfZero_C03) {
  EXPECT_THAT(error_with({{"gradient_accumulation_steps", 0}}),
              HasSubstr("must be at least 1, is 0; 1 means no accumulation [C03]"));
}

TEST(Rules, BatchOfZero_C04) {
  EXPECT_THAT(
      error_with({{"train_batch_size", 0}}),
      AllOf(HasSubstr("must be at least 1, is 0 [C04]"), HasSubstr("\n1 configuration error;")));
}

TEST(Rules, LearningRateRange_C05) {
  EXPECT_THAT(error_with({{"learning_rate", 0}}),
              HasSubstr("must be above 0, is 0. 1e-4 is usual [C05]"));
  EXPECT_THAT(error_with({{"learning_rate", 2}}), HasSubstr("2 is above 1. 1e-4 is usual [C05]"));
  EXPECT_THAT(warnings_with({{"learning_rate", 0.1}}), HasSubstr("very high; 1e-4 is usual [C05]"));
}

TEST(Rules, PolynomialEndsBelowItsRate_C06) {
  const Json keys = {{"lr_scheduler", "polynomial"}, {"lr_end", 1e-3}};
  EXPECT_THAT(error_with(keys), HasSubstr("0.001 must be below learning_rate 0.0001"));
  EXPECT_EQ(error_with({{"lr_scheduler", "polynomial"}, {"lr_end", 1e-8}}), "");
}

TEST(Rules, SineNeedsItsHalfPeriod_C07) {
  EXPECT_THAT(
      error_with({{"lr_scheduler", "sine"}}),
      HasSubstr(
          "lr_scheduler sine uses lr_warmup_steps as its half-period; give a value > 0 [C07]"));
}

TEST(Rules, WarmupBeyondTheEnd_C08) {
  for (const char* name : {"linear", "polynomial", "warmup_cosine"}) {
    EXPECT_THAT(error_with({{"lr_scheduler", name}, {"lr_warmup_steps", 1000}}),
                HasSubstr("[C08]"));
  }
  EXPECT_THAT(warnings_with({{"lr_scheduler", "constant_with_warmup"}, {"lr_warmup_steps", 1000}}),
              HasSubstr("the full learning rate is never reached [C08]"));
}

TEST(Rules, BothBetasOrNeither_C09) {
  EXPECT_THAT(error_with({{"optimizer_beta1", 0.9}}),
              HasSubstr("Both --optimizer_beta1 and --optimizer_beta2 should be provided [C09]"));
  EXPECT_EQ(error_with({{"optimizer_beta1", 0.9}, {"optimizer_beta2", 0.95}}), "");
}

TEST(Rules, Bf16OptimizerNeedsBf16_C10) {
  EXPECT_THAT(
      error_with({{"mixed_precision", "no"}, {"optimizer", "adamw_bf16"}}),
      AllOf(
          HasSubstr("Model is not using bf16 precision, but the optimizer adamw_bf16 requires it"),
          HasSubstr("[C10]")));
  EXPECT_EQ(error_with({{"mixed_precision", "no"}, {"optimizer", "torch-adamw"}}), "");
}

TEST(Rules, HalfPrecisionIsNamed_C11) {
  EXPECT_THAT(
      error_with({{"mixed_precision", "fp16"}}),
      HasSubstr(
          "\"fp16\" is not one of bf16, no; did you mean \"bf16\"? Set bf16, or no for float32 "
          "[C11]"));
  EXPECT_THAT(error_with({{"mixed_precision", "fp8"}}), HasSubstr("[C11]"));
}

TEST(Rules, MaximumNeedsDownsample_C12) {
  EXPECT_THAT(error_with({{"maximum_image_size", 2048}}),
              HasSubstr("you must also provide a value for --target_downsample_size [C12]"));
}

TEST(Rules, MegapixelsThatArePixels_C13) {
  const Json keys = {{"resolution_type", "area"},
                     {"resolution", 1},
                     {"maximum_image_size", 1024},
                     {"target_downsample_size", 1}};
  EXPECT_THAT(error_with(keys),
              HasSubstr("accidentally entered 1024 pixels, instead of megapixels"));
}

TEST(Rules, PixelsThatAreMegapixels_C14) {
  const Json keys = {
      {"resolution_type", "pixel"}, {"maximum_image_size", 4}, {"target_downsample_size", 1024}};
  EXPECT_THAT(error_with(keys), HasSubstr("accidentally entered 4 megapixels, instead of pixels"));
}

TEST(Rules, SmallPixelAreaLooksLikeMegapixels_C15) {
  EXPECT_THAT(warnings_with({{"resolution", 1}}), HasSubstr("looks like megapixels [C15]"));
  EXPECT_THAT(warnings_with({{"minimum_image_size", 0}, {"resolution", 64}}),
              Not(HasSubstr("[C15]")));
}

TEST(Rules, ScanIsSavedEveryMinuteAtMost_C16) {
  EXPECT_THAT(error_with({{"metadata_update_interval", 30}}),
              HasSubstr("Metadata update interval must be at least 60 seconds, is 30 [C16]"));
}

TEST(Rules, BiasPortionIsAFraction_C17) {
  EXPECT_THAT(error_with({{"timestep_bias_portion", 2}}), HasSubstr("[C17]"));
}

TEST(Rules, PromptLibraryIsMissing_C26) {
  EXPECT_THAT(error_with({{"user_prompt_library", "nowhere.json"}}),
              AllOf(HasSubstr("nowhere.json not found"), HasSubstr("[C26]")));
}

TEST(Rules, PromptLibraryIsNoObject_M26) {
  ConfigFolder folder;
  ConfigFolder::write("p.json", "[]");
  folder.config["user_prompt_library"] = "p.json";
  EXPECT_THAT(folder.error(), HasSubstr("expected one JSON object, short name to prompt [M26]"));
  ConfigFolder::write("p.json", "{\n\"a\": \"b\",\n}");
  EXPECT_THAT(folder.error(), HasSubstr("p.json:2:9: a comma before"));
}

TEST(Rules, EvaluationWithoutItsData_C30) {
  EXPECT_THAT(warnings_with({{"eval_steps_interval", 100}}),
              AllOf(HasSubstr("no dataset has \"dataset_type\": \"eval\""), HasSubstr("[C30]")));
}

TEST(Rules, EvaluationDataWithoutInterval_C31) {
  ConfigFolder folder;
  folder.datasets.push_back(
      {{"id", "e"}, {"dataset_type", "eval"}, {"instance_data_dir", "held_out"}});
  EXPECT_THAT(joined(folder.load().warnings), HasSubstr("the evaluation datasets e are not used"));
  folder.config["eval_steps_interval"] = 100;
  EXPECT_EQ(joined(folder.load().warnings), "");
}

TEST(Rules, EvaluationGoesToTheLocalLog_C32) {
  EXPECT_THAT(notices_with({{"eval_steps_interval", 100}}), HasSubstr("[C32]"));
  EXPECT_THAT(notices_with({{"eval_steps_interval", 100}, {"report_to", "tensorboard"}}),
              Not(HasSubstr("[C32]")));
}

TEST(Rules, UnknownTracker_C33) {
  EXPECT_THAT(error_with({{"report_to", "tensorbord"}}),
              AllOf(HasSubstr("did you mean \"tensorboard\"?"), HasSubstr("[C33]")));
}

TEST(Rules, TrackerThatIsNotHereIsAWarning_M47) {
  EXPECT_THAT(
      warnings_with({{"report_to", "tensorboard,comet_ml"}}),
      HasSubstr("comet_ml is not available here; the run is logged in logs/metrics.jsonl [M47]"));
}

TEST(Rules, TrackersMayBeAnyList) {
  for (const Json& list :
       {Json("tensorboard,wandb"), Json("wandb tensorboard"), Json::array({"tensorboard", "wandb"}),
        Json("all"), Json("simpletuner"), Json("none")}) {
    EXPECT_THAT(warnings_with({{"report_to", list}}), Not(HasSubstr("report_to"))) << list;
  }
}

TEST(Rules, CustomTrackerNeedsBothKeys_C36) {
  EXPECT_THAT(error_with({{"custom_tracker", "mine"}}), HasSubstr("[C36]"));
  EXPECT_THAT(error_with({{"report_to", "custom-tracker"}}), HasSubstr("[C36]"));
}

TEST(Rules, ValidationAdaptersExcludeEachOther_C37) {
  EXPECT_THAT(error_with({{"validation_adapter_path", "a"}, {"validation_adapter_config", "b"}}),
              HasSubstr("[C37]"));
}

TEST(Rules, LaunchersExcludeEachOther_C39) {
  EXPECT_THAT(error_with({{"deepspeed_config", "a"}, {"fsdp_enable", true}}), HasSubstr("[C39]"));
}

TEST(Rules, AlignmentFitsThePatches_C42) {
  for (const int alignment : {8, 24, 0}) {
    EXPECT_THAT(error_with({{"aspect_bucket_alignment", alignment}}), HasSubstr("[C42]"))
        << alignment;
  }
  EXPECT_EQ(error_with({{"aspect_bucket_alignment", 32}}), "");
}

TEST(Rules, IntervalsBeyondTheEnd_C45_C46) {
  const Json keys = {{"checkpointing_steps", 2000}, {"validation_steps", 2000}};
  EXPECT_THAT(warnings_with(keys), HasSubstr("2000 is beyond max_train_steps=1000"));
  EXPECT_THAT(notices_with(keys), HasSubstr("[C46]"));
}

TEST(Rules, NoCaptionDropoutIsNoticed_C51) {
  EXPECT_THAT(notices_with({{"caption_dropout_probability", 0.0}}), HasSubstr("[C51]"));
  EXPECT_THAT(notices_with({{"caption_dropout_probability", 0.1}}), Not(HasSubstr("[C51]")));
}

TEST(Rules, AnotherFamilyIsRefused_M11) {
  EXPECT_THAT(error_with({{"model_family", "flux"}}),
              AllOf(HasSubstr("model_family: \"flux\""),
                    HasSubstr("omnigen-dist trains OmniGen only [M11]")));
  EXPECT_THAT(notices_with({{"model_family", nullptr}}),
              HasSubstr("model_family not given, using omnigen"));
}

TEST(Rules, GuidanceLeftOutIsNoticed_M18) {
  EXPECT_THAT(
      notices_with({{"validation_guidance", nullptr}}),
      HasSubstr("validation_guidance not given, using 7.5; 2.5 to 3.0 suits OmniGen [M18]"));
}

TEST(Rules, RateLeftOutIsAWarning_M19) {
  EXPECT_THAT(warnings_with({{"learning_rate", nullptr}}),
              HasSubstr("not given; the default 4e-07 hardly trains"));
}

TEST(Rules, LionWithTheRateOfAdam_M20) {
  EXPECT_THAT(warnings_with({{"optimizer", "bnb-lion8bit-paged"}}),
              HasSubstr("0.0001 is high for Lion"));
}

TEST(Rules, SettingsOfTheOptimizer_1_4_6) {
  const Json keys = {{"optimizer", "optimi-lion"}, {"optimizer_config", "beta1=2,foreach=true"}};
  EXPECT_THAT(error_with(keys),
              HasSubstr("optimizer_config: \"beta1=2\" must be at least 0 and below 1 [1.4.6]"));
  EXPECT_THAT(warnings_with({{"optimizer", "optimi-lion"}, {"adam_beta1", 0.8}}),
              HasSubstr("adam_beta1: has no effect with optimi-lion"));
}

TEST(Rules, ProdigyTakesNoRate_C05) {
  const LoadResult result = result_with({{"optimizer", "prodigy"}, {"lr_scale", true}});
  EXPECT_EQ(result.config.optim.learning_rate, 1.0);
  EXPECT_FALSE(result.config.optim.lr_scale);
  EXPECT_THAT(joined(result.warnings),
              HasSubstr("learning_rate: 0.0001 is not used: prodigy finds its own rate"));
  EXPECT_EQ(joined(result_with({{"optimizer", "prodigy"}, {"learning_rate", nullptr}}).warnings)
                .find("learning_rate"),
            std::string::npos);
}

TEST(Rules, WaveIsExplained_M21) {
  EXPECT_THAT(
      notices_with({{"lr_scheduler", "cosine"}, {"lr_warmup_steps", 10}}),
      HasSubstr("lr_warmup_steps=10 is the half-period of the cosine wave; the rate will rise and "
                "fall 50 times in 1000 steps [M21]"));
}

TEST(Rules, SmallNormLimit_M23) {
  EXPECT_THAT(warnings_with({{"max_grad_norm", 0.01}, {"grad_clip_method", "norm"}}),
              HasSubstr("[M23]"));
  EXPECT_THAT(warnings_with({{"max_grad_norm", 0.01}}), Not(HasSubstr("[M23]")));
}

TEST(Rules, ConstantWithWarmupIsHonoured_1_3) {
  const LoadResult result = result_with({{"lr_scheduler", "constant"}, {"lr_warmup_steps", 100}});
  EXPECT_EQ(result.config.optim.lr_scheduler, "constant_with_warmup");
  EXPECT_THAT(
      joined(result.notices),
      HasSubstr(
          "lr_scheduler constant with lr_warmup_steps=100: using constant_with_warmup [1.3]"));
  EXPECT_EQ(result_with({{"lr_scheduler", "cosine_with_warmup"}, {"lr_warmup_steps", 900}})
                .config.optim.lr_scheduler,
            "cosine");
}

TEST(Rules, SeedsAreDrawnAndTold_2_10) {
  const LoadResult drawn = result_with({{"seed", -1}});
  EXPECT_GT(drawn.config.train.seed, 0);
  EXPECT_LT(drawn.config.train.seed, int64_t{1} << 30);
  EXPECT_THAT(joined(drawn.notices), HasSubstr(std::to_string(drawn.config.train.seed)));
  EXPECT_GT(result_with({{"seed", 0}}).config.train.seed, 1'600'000'000);
  EXPECT_EQ(result_with({{"seed", nullptr}}).config.train.seed, 42);
}

TEST(Rules, UnknownEvaluationSet_E50) {
  EXPECT_THAT(error_with({{"eval_dataset_id", "x"}}),
              HasSubstr("\"x\" is no dataset of type eval"));
}

TEST(Rules, DataFileBesideTheConfigurationOrNamed_M07) {
  ConfigFolder folder;
  folder.config["data_backend_config"] = "elsewhere/data.json";
  EXPECT_THAT(joined(folder.load().notices), HasSubstr("elsewhere/data.json is not there, using"));
  folder.config["data_backend_config"] = "elsewhere/other.json";
  EXPECT_THAT(folder.error(),
              AllOf(HasSubstr("elsewhere/other.json not found"), HasSubstr("[M07]")));
  folder.config.erase("data_backend_config");
  EXPECT_THAT(folder.error(), HasSubstr("multidatabackend.json not found"));
}

}  // namespace
}  // namespace omnigen::config

#include "train/run_setup.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>

namespace omnigen::train {
namespace {

TEST(RunSetup, Tf32IsAKey) {
  allow_tf32(true);
  EXPECT_TRUE(at::globalContext().allowTF32CuBLAS());
  EXPECT_TRUE(at::globalContext().allowTF32CuDNN());
  allow_tf32(false);
  EXPECT_FALSE(at::globalContext().allowTF32CuBLAS());
  EXPECT_FALSE(at::globalContext().allowTF32CuDNN());
}

}  // namespace
}  // namespace omnigen::train

// main() of a program made of *_mpi_test.cpp: the tests run on every rank of one job, in step.
//
// Only rank 0 prints the course of the tests; other ranks print what fails on them.
#pragma once

#include <gtest/gtest.h>

#include <iostream>

#include "comm/job.h"

namespace omnigen::test {
namespace detail {

class FailuresOnly : public testing::EmptyTestEventListener {
 public:
  explicit FailuresOnly(int rank) : rank_(rank) {}
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    std::cerr << "rank " << rank_ << ": " << (result.file_name() ? result.file_name() : "?") << ":"
              << result.line_number() << ": " << result.summary() << std::endl;
  }

 private:
  int rank_;
};

inline comm::Job*& current_job() {
  static comm::Job* job = nullptr;
  return job;
}

}  // namespace detail

// The job of this program, for its tests.
inline comm::Job& mpi_job() {
  return *detail::current_job();
}

inline int mpi_main(int argc, char** argv) {
  comm::Job job(&argc, &argv);
  testing::InitGoogleTest(&argc, argv);
  detail::current_job() = &job;
  // A test that fails on one rank alone leaves the others waiting.
  job.watchdog().set_limits({.preparing_s = 60.0, .stepping_s = 60.0});
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  if (job.rank() != 0) {
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new detail::FailuresOnly(job.rank()));
  }
  return job.run([] { return RUN_ALL_TESTS(); });
}

}  // namespace omnigen::test

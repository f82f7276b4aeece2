#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/support/service.h"

namespace persona::testing {

inline ServiceOptions inShape(Shape shape) {
    ServiceOptions out;
    out.shape = shape;
    return out;
}

/// For INSTANTIATE_TEST_SUITE_P: both shapes, by name.
inline auto bothShapes() {
    return ::testing::Values(Shape::OneProcess, Shape::Split);
}
inline std::string shapeName(const ::testing::TestParamInfo<Shape>& info) {
    return info.param == Shape::OneProcess ? "one_process" : "split";
}

}  // namespace persona::testing

# macOS on arm64, with the compiler that Zig packages on PyPI (ziglang): it brings the headers and the names of the system's
# libraries along. scripts/cross_check.sh installs it, and makes the commands that are named here.
set(CMAKE_SYSTEM_NAME Darwin)
set(CMAKE_SYSTEM_PROCESSOR arm64)
set(CMAKE_OSX_DEPLOYMENT_TARGET "" CACHE STRING "The target of the commands says it")
set(CMAKE_OSX_SYSROOT "" CACHE STRING "Part of the compiler")

get_filename_component(scaler_zig "${CMAKE_CURRENT_LIST_DIR}/../../.cache/cross/zig" ABSOLUTE)
set(CMAKE_C_COMPILER "${scaler_zig}/cc")
set(CMAKE_CXX_COMPILER "${scaler_zig}/c++")
set(CMAKE_AR "${scaler_zig}/ar")
set(CMAKE_RANLIB "${scaler_zig}/ranlib")

# Programs are those of the build machine; headers and libraries never are.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

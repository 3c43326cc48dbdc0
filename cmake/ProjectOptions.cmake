# What every target of ours is compiled with: warnings, sanitizers, include root.

add_library(scaler_options INTERFACE)
target_include_directories(scaler_options INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}/cpp")
if(MSVC)
  target_compile_options(scaler_options INTERFACE /W4 /EHsc /bigobj /utf-8)
  set(warnings_as_errors /WX)
else()
  target_compile_options(
    scaler_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  )
  set(warnings_as_errors -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 takes the lengths in std::string's own code for impossible ones at -O3 (its bug 105651).
  target_compile_options(scaler_options INTERFACE -Wno-restrict)
endif()
if(SCALER_WARNINGS_AS_ERRORS)
  target_compile_options(scaler_options INTERFACE ${warnings_as_errors})
endif()
if(SCALER_SANITIZE)
  target_compile_options(
    scaler_options INTERFACE "-fsanitize=${SCALER_SANITIZE}" -fno-omit-frame-pointer -fno-sanitize-recover=all
  )
  target_link_options(scaler_options INTERFACE "-fsanitize=${SCALER_SANITIZE}")
  if(SCALER_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio uses atomic_thread_fence, which g++ reports as unsupported under the thread sanitizer.
    target_compile_options(scaler_options INTERFACE -Wno-error=tsan)
  endif()
endif()

# What every target of ours is compiled with: warnings, sanitizers, include root.

add_library(scaler_options INTERFACE)
target_include_directories(scaler_options INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}/cpp")
target_compile_options(
  scaler_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
)
if(SCALER_WARNINGS_AS_ERRORS)
  target_compile_options(scaler_options INTERFACE -Werror)
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

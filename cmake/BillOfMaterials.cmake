# Writes which code of others is compiled into the modules and the daemon, as CycloneDX, and puts it into the wheel.

set(SCALER_BILL_OF_MATERIALS "${CMAKE_BINARY_DIR}/opengris-scaler.cdx.json")
set(bill_arguments
    --version "${SCALER_VERSION}" --boost "${SCALER_BOOST_INCLUDE_DIR}" --capnp "${SCALER_CAPNP_INCLUDE_DIR}"
    --compiler "${CMAKE_CXX_COMPILER_ID}" "${CMAKE_CXX_COMPILER_VERSION}"
)
if(SCALER_COMPILE_PYTHON)
  list(APPEND bill_arguments --compiled-python)
endif()
execute_process(
  COMMAND
    "${Python_EXECUTABLE}" "${CMAKE_CURRENT_LIST_DIR}/bill_of_materials.py" ${bill_arguments}
    "${SCALER_BILL_OF_MATERIALS}"
  RESULT_VARIABLE bill_result
)
if(NOT bill_result EQUAL 0)
  message(FATAL_ERROR "The bill of materials could not be written; the lines above say what is missing.")
endif()
# Where a wheel describes itself; only scikit-build-core, which makes wheels, names it.
if(DEFINED SKBUILD_METADATA_DIR)
  install(FILES "${SCALER_BILL_OF_MATERIALS}" DESTINATION "${SKBUILD_METADATA_DIR}/sboms" COMPONENT python)
endif()

# One function per kind of target. Compiler rooms are OBJECT libraries linked into libHybridCompiler; the runtime's
# rooms see no LLVM header.
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

find_program(HYBRID_CCACHE ccache)
if(HYBRID_CCACHE)
  # base_dir and no hash_dir: a second checkout in another folder hits the same cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_PCH_EXTSUM=1 CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${HYBRID_CCACHE})
endif()

# One precompiled header serves libraries and tools, so both get -fPIC from here (CMake would give tools -fPIE, and
# clang refuses a PCH made with other flags).
add_compile_options(-fPIC -Wall -Wextra -Wno-unused-parameter
  "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
add_link_options(-fuse-ld=lld)
if(NOT HYBRID_SANITIZE) # the sanitizers' symbols come from the executable
  add_link_options(-Wl,-z,defs)
endif()

# Include folders of compiler code; an interface target, so that they do not leak into runtime/.
add_library(HybridIncludes INTERFACE)
target_include_directories(HybridIncludes INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}
  ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include)
target_include_directories(HybridIncludes SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})

# Everything generated from TableGen; compiler rooms depend on it.
add_custom_target(HybridHeaders)

# CMake would also name the header itself, by its absolute path, which ccache hashes behind -Xclang: no other checkout
# would hit. The precompiled file is enough.
set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -Xclang -include-pch -Xclang <PCH_FILE>)

function(hybrid_pch target)
  if(NOT TARGET HybridPCH)
    add_library(HybridPCH OBJECT ${PROJECT_SOURCE_DIR}/cmake/Pch.cpp)
    target_link_libraries(HybridPCH PRIVATE HybridIncludes)
    target_precompile_headers(HybridPCH PRIVATE ${PROJECT_SOURCE_DIR}/cmake/Pch.h)
    # The header's bytes name this folder, so ccache would miss from any other checkout: it takes this sum instead.
    file(SHA256 ${PROJECT_SOURCE_DIR}/cmake/Pch.h sum)
    file(SHA256 ${PROJECT_SOURCE_DIR}/cmake/LLVMStats.h stats)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/HybridPCH.dir/cmake_pch.hxx.pch.sum
      "${sum} ${stats} ${LLVM_PACKAGE_VERSION} ${CMAKE_CXX_FLAGS} ${CMAKE_BUILD_TYPE}")
  endif()
  target_precompile_headers(${target} REUSE_FROM HybridPCH)
endfunction()

# hybrid_tablegen(<file.td> <out.inc>|<flag>[|<flag>...] ...)
function(hybrid_tablegen td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  foreach(item IN LISTS ARGN)
    string(REPLACE "|" ";" parts "${item}")
    list(POP_FRONT parts out)
    mlir_tablegen(${out} ${parts} EXTRA_INCLUDES ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include ${MLIR_INCLUDE_DIRS})
    list(APPEND outs ${CMAKE_CURRENT_BINARY_DIR}/${out})
    if(out MATCHES "[.]md$")
      set_property(GLOBAL APPEND PROPERTY HYBRID_DOCS ${CMAKE_CURRENT_BINARY_DIR}/${out})
    endif()
  endforeach()
  string(MAKE_C_IDENTIFIER "tblgen.${CMAKE_CURRENT_SOURCE_DIR}.${td}" id)
  add_custom_target(${id} DEPENDS ${outs})
  add_dependencies(HybridHeaders ${id})
endfunction()

# A room of the compiler.
function(hybrid_library name)
  add_library(obj.${name} OBJECT ${ARGN})
  target_link_libraries(obj.${name} PRIVATE HybridIncludes)
  hybrid_pch(obj.${name})
  add_dependencies(obj.${name} HybridHeaders)
  set_property(GLOBAL APPEND PROPERTY HYBRID_OBJECTS obj.${name})
endfunction()

# A tool of the compiler. What it links beside the compiler follows LINK.
function(hybrid_tool name)
  cmake_parse_arguments(A "" "" "LINK" ${ARGN})
  add_executable(${name} ${A_UNPARSED_ARGUMENTS})
  hybrid_pch(${name})
  add_dependencies(${name} HybridHeaders)
  target_link_libraries(${name} PRIVATE HybridIncludes HybridCompiler ${A_LINK})
  set_target_properties(${name} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib;${LLVM_LIBRARY_DIR}")
  install(TARGETS ${name} EXPORT HybridTargets RUNTIME)
endfunction()

# A room or tool of the runtime: no LLVM in sight.
function(hybrid_runtime_includes target)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
endfunction()

# The target `docs`: all pages, those that TableGen writes about dialects and passes too, in build/docs. The target
# `docs-site` makes a site of them in build/site, with Debian's MkDocs, and follows its links.
function(hybrid_docs)
  get_property(pages GLOBAL PROPERTY HYBRID_DOCS)
  set(utils ${PROJECT_SOURCE_DIR}/utils)
  set(collect ${Python3_EXECUTABLE} ${utils}/collect-docs.py ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}
    ${PROJECT_BINARY_DIR})
  add_custom_target(docs COMMAND ${collect} DEPENDS ${pages} COMMENT "Collecting build/docs" VERBATIM)
  find_program(HYBRID_MKDOCS mkdocs)
  if(HYBRID_MKDOCS)
    add_custom_target(docs-site
      COMMAND ${collect} --mkdocs ${HYBRID_MKDOCS}
      COMMAND ${Python3_EXECUTABLE} ${utils}/check-links.py ${PROJECT_SOURCE_DIR} --site ${PROJECT_BINARY_DIR}/site
      DEPENDS ${pages} COMMENT "Making build/site" VERBATIM)
  else()
    add_custom_target(docs-site
      COMMAND ${CMAKE_COMMAND} -E echo "expected mkdocs, found none; install Debian's package mkdocs and configure again"
      COMMAND ${CMAKE_COMMAND} -E false VERBATIM)
  endif()
endfunction()

function(hybrid_install)
  include(CMakePackageConfigHelpers)
  install(DIRECTORY include/hybrid DESTINATION include FILES_MATCHING PATTERN "*.h" PATTERN "*.td")
  install(DIRECTORY dialects DESTINATION include FILES_MATCHING PATTERN "*.h" PATTERN "*.td")
  install(DIRECTORY ${PROJECT_BINARY_DIR}/dialects DESTINATION include
    FILES_MATCHING PATTERN "*.inc" PATTERN CMakeFiles EXCLUDE)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/include/hybrid DESTINATION include
    FILES_MATCHING PATTERN "*.inc" PATTERN CMakeFiles EXCLUDE)
  install(EXPORT HybridTargets NAMESPACE Hybrid:: DESTINATION lib/cmake/Hybrid)
  configure_package_config_file(cmake/HybridConfig.cmake.in ${PROJECT_BINARY_DIR}/HybridConfig.cmake
    INSTALL_DESTINATION lib/cmake/Hybrid)
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/HybridConfigVersion.cmake COMPATIBILITY SameMajorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/HybridConfig.cmake ${PROJECT_BINARY_DIR}/HybridConfigVersion.cmake
    DESTINATION lib/cmake/Hybrid)
endfunction()

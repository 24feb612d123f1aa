# The site: it builds without a warning, from what this build's programs draw; its links lead
# somewhere; its sentences are those of the programs; its pages fit a desk and a phone, in Chromium.
# Skipped where Doxygen or Chromium is missing.
set(site ${PROJECT_BINARY_DIR}/docs_site)
add_test(NAME docs.site COMMAND ${CMAKE_CURRENT_LIST_DIR}/site.sh ${site})
add_test(NAME docs.links COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/links.py ${site})
add_test(NAME docs.quotes COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/quotes.py)
add_test(NAME docs.screenshots COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/screenshots.py ${site}
         ${PROJECT_BINARY_DIR}/screenshots)
set_tests_properties(docs.site docs.links docs.quotes docs.screenshots
                     PROPERTIES LABELS docs TIMEOUT 300 SKIP_RETURN_CODE 77)
set_tests_properties(docs.site PROPERTIES FIXTURES_SETUP site PROCESSORS 3
                     ENVIRONMENT "SHARD_BUILD=${PROJECT_BINARY_DIR};MPIEXEC=${MPIEXEC_EXECUTABLE}")
set_tests_properties(docs.links docs.screenshots PROPERTIES FIXTURES_REQUIRED site)

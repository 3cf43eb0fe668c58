/* A program that embeds the runtime: it asks for an artifact that does not exist and is told so. */
#include <hybrid_runtime.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  hybrid_options options;
  hybrid_options_init(&options);
  options.artifact = "no-such-model.hyb";
  hybrid_model *model = NULL;
  if (hybrid_model_load(&options, &model) == HYBRID_OK) {
    fprintf(stderr, "expected loading a missing artifact to fail\n");
    return 1;
  }
  if (!strstr(hybrid_last_error(), options.artifact)) {
    fprintf(stderr, "expected a message that names the artifact, got '%s'\n", hybrid_last_error());
    return 1;
  }
  return 0;
}

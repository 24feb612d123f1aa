// Chapter 18: pipeline parallelism.
#include "chapters/18_pipeline/engine.h"

int main() {}

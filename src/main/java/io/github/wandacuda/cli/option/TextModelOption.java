package io.github.wandacuda.cli.option;

import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.OnFailure;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The options for a model that is run on text. */
public final class TextModelOption extends DecoderOption {
  @Option(
      names = "--tokenizer",
      paramLabel = "FILE|DIR",
      description =
          "The tokenizer for texts, if not the model's own: a tokenizer.json, a directory with one, or"
              + " a .gguf file.")
  private Path tokenizer;

  @Override
  ModelDirectory prepared(ModelDirectory model) {
    return tokenizer == null
        ? model
        : OnFailure.close(model::close, () -> model.withTokenizer(tokenizer));
  }
}

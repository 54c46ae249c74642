package io.github.wandacuda.cli.option;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The options for a model that is run, or told whether it can be. */
public class DecoderOption extends ModelOption {
  @Option(
      names = "--family",
      paramLabel = "FILE",
      description =
          "A JSON description of the decoder, for a model whose model_type isn't known but which"
              + " is made of known parts.")
  private Path family;

  @Override
  public Path family() {
    return family;
  }
}

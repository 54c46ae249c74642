package io.github.wandacuda.cli.option;

import io.github.wandacuda.tokenizer.Tokenizer;
import io.github.wandacuda.tokenizer.TokenizerProcess;
import java.nio.file.Path;
import java.util.function.Supplier;

/**
 * A model's tokenizer, opened when it is asked for: a model without one can be calibrated on token
 * ids.
 */
final class LazyTokenizer implements Supplier<Tokenizer>, AutoCloseable {
  private final Path modelDirectory;
  private Tokenizer tokenizer;

  LazyTokenizer(Path modelDirectory) {
    this.modelDirectory = modelDirectory;
  }

  @Override
  public Tokenizer get() {
    if (tokenizer == null) {
      tokenizer = TokenizerProcess.open(modelDirectory);
    }
    return tokenizer;
  }

  @Override
  public void close() {
    if (tokenizer != null) {
      tokenizer.close();
    }
  }
}

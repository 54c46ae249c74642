package io.github.wandacuda.text;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.error.InputException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;
import java.util.zip.GZIPOutputStream;
import org.assertj.core.api.AbstractStringAssert;
import org.assertj.core.api.Assertions;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** Files of the repository, and what tests do with files of their own. */
public final class TestFiles {
  public static final Path MODEL = Path.of("testdata/models/tiny-llama");
  public static final Path CALIBRATION_TEXT = Path.of("testdata/text/calibration.txt");
  public static final Path HELDOUT_TEXT = Path.of("testdata/text/heldout.txt");
  public static final Path GOLDEN = Path.of("testdata/golden");

  private TestFiles() {}

  public static Supplier<Tokenizer> noTokenizer() {
    return () -> {
      throw new AssertionError("no text, so no tokenizer");
    };
  }

  public static Path gzip(Path file, byte[] content) throws IOException {
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
      out.write(content);
    }
    return file;
  }

  /** Asserts that bad input ends in one line, and returns that line for more assertions. */
  public static AbstractStringAssert<?> assertRejects(ThrowingCallable call) {
    InputException failure = Assertions.catchThrowableOfType(InputException.class, call);
    assertThat(failure).isNotNull();
    assertThat(failure.getMessage()).doesNotContain("\n").hasSizeLessThan(400);
    return assertThat(failure.getMessage());
  }
}

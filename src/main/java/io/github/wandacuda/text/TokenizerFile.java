package io.github.wandacuda.text;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A {@code tokenizer.json}.
 *
 * @param file may be missing, as long as no text is to be tokenized
 */
public record TokenizerFile(Path file) implements TokenizerSource {
  /** The longest file that is read, in bytes: twice the size of the largest vocabularies. */
  private static final int LONGEST = 100_000_000;

  private static final String NAME = "tokenizer.json";

  /**
   * Returns the tokenizer of a model directory.
   *
   * @param directory may be without any other file
   */
  public static TokenizerFile in(Path directory) {
    return new TokenizerFile(directory.resolve(NAME));
  }

  @Override
  public boolean isThere() {
    return Files.exists(file);
  }

  /**
   * Returns the file's bytes.
   *
   * @throws io.github.wandacuda.error.InputException if it is missing or can't be read, or has more
   *     than 100 million bytes
   */
  @Override
  public byte[] json() {
    return InputFile.reading(file, this::bytes);
  }

  private byte[] bytes() throws IOException {
    try (InputStream in = InputFile.stream(file)) {
      byte[] bytes = in.readNBytes(LONGEST + 1);
      if (bytes.length > LONGEST) {
        throw ErrorDetails.file(file).wrong("at most %d bytes".formatted(LONGEST), "more");
      }
      return bytes;
    } catch (NoSuchFileException e) {
      throw ErrorDetails.file(file)
          .expected("the model's " + NAME, "no such file or folder")
          .hint(withoutTokenizer())
          .broken("cannot be read: no such file or folder", e);
    }
  }

  /** Returns what to do where the file is missing. */
  private String withoutTokenizer() {
    return Files.exists(file.resolveSibling("tokenizer.model"))
        ? "there is a tokenizer.model alone: let transformers make the other of it"
            + " (AutoTokenizer.from_pretrained, then save_pretrained)"
        : "copy it here from where the model came from; `tokenizer` names another; only text needs"
            + " it, token ids (.json) don't";
  }

  @Override
  public Optional<Path> config() {
    return Optional.of(file.resolveSibling("tokenizer_config.json"));
  }
}

package io.github.wandacuda.cli;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.text.TokenLists;
import io.github.wandacuda.text.Tokenizer;
import io.github.wandacuda.text.TokenizerProcess;
import io.github.wandacuda.text.Utf8;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** Options for the text that a model goes on with. */
final class PromptOptions {
  private static final String STANDARD_INPUT = "-";

  /** Bytes of a prompt from standard input at most; no model has positions for a tenth of that. */
  private static final int LONGEST = 100_000_000;

  @Option(
      names = "--prompt",
      paramLabel = "TEXT|-",
      description = "What to go on with, or - for standard input, to its last line break.")
  private String text;

  @Option(
      names = "--prompt-tokens",
      paramLabel = "FILE",
      description = "A .json list of token ids instead; needs no tokenizer.json.")
  private Path tokens;

  /** A prompt of one token or more, and the model's tokenizer, or null if it has none. */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
  public record Prompt(int[] ids, Tokenizer tokenizer) implements AutoCloseable {
    @Override
    public void close() {
      if (tokenizer != null) {
        tokenizer.close();
      }
    }
  }

  void check(OutputOptions output) {
    output.exclude("--prompt", "--prompt-tokens");
    if (text == null && tokens == null) {
      throw new UsageException("generate needs --prompt TEXT or --prompt-tokens FILE");
    }
    if (text != null && Utf8.hasLoneSurrogate(text)) {
      throw new UsageException("--prompt: expected text, found half a surrogate pair");
    }
  }

  /**
   * Reads the prompt and opens the model's tokenizer. A prompt has a token at least, fewer than the
   * model has positions, and none outside its vocabulary.
   */
  public Prompt read(ModelDirectory directory, DecoderShape shape) {
    boolean needed = tokens == null || Files.exists(directory.path().resolve("tokenizer.json"));
    Tokenizer tokenizer = needed ? TokenizerProcess.open(directory.path()) : null;
    try {
      int[] ids = tokens == null ? tokenizer.encode(text()) : ids();
      ErrorDetails where = tokens == null ? ErrorDetails.of("`prompt`") : ErrorDetails.file(tokens);
      if (ids.length == 0) {
        throw where.wrong("one token or more", "none");
      }
      if (ids.length >= shape.maximumLength()) {
        throw where.wrong(
            "fewer tokens than the %d positions that the model has"
                .formatted(shape.maximumLength()),
            ids.length);
      }
      TokenLists.requireKnown(shape.vocabulary(), ids, where);
      return new Prompt(ids, tokenizer);
    } catch (RuntimeException | Error e) {
      if (tokenizer != null) {
        tokenizer.close();
      }
      throw e;
    }
  }

  private int[] ids() {
    List<int[]> lists = TokenLists.readOne(tokens);
    if (lists.size() != 1) {
      throw ErrorDetails.file(tokens).wrong("one list of token ids", lists.size() + " lists");
    }
    return lists.getFirst();
  }

  private String text() {
    if (!text.equals(STANDARD_INPUT)) {
      return text;
    }
    ErrorDetails where = ErrorDetails.of("standard input");
    try {
      byte[] bytes = System.in.readNBytes(LONGEST);
      String all = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      return all.replaceFirst("\r?\n\\z", "");
    } catch (CharacterCodingException e) {
      throw where.wrong("UTF-8", "bytes that are none", e);
    } catch (IOException e) {
      throw where.wrong("a prompt", "that " + Printable.reason(e), e);
    }
  }
}

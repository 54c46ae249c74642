package io.github.wandacuda.checkpoint.gguf;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.text.TokenizerSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The tokenizer that a file's keys describe, made into a {@code tokenizer.json} that gives the same
 * tokens. Two kinds are known, by {@code tokenizer.ggml.model}:
 *
 * <ul>
 *   <li>{@code gpt2}: byte-pair encoding of bytes, by a list of merges, within the pieces that
 *       {@link GgufPreTokenizer} cuts;
 *   <li>{@code llama}: SentencePiece, whose pieces are merged by score; characters that are no
 *       piece become bytes.
 * </ul>
 *
 * <p>As in llama.cpp, a text isn't normalized. What is made is written to no file.
 */
public final class GgufTokenizer implements TokenizerSource {
  /** What to do about a file whose tokenizer can't be used. */
  static final String OTHERWISE =
      "`tokenizer` names another; only text needs one, token ids (.json) don't";

  private static final String MODEL = "tokenizer.ggml.model";
  private static final String BYTE_PAIRS = "gpt2";
  private static final String SENTENCE_PIECE = "llama";
  private static final String UNKNOWN = "tokenizer.ggml.unknown_token_id";

  private static final JsonFactory FACTORY = new JsonFactory();

  private final Path file;
  private final Map<String, GgufValue> values;

  private GgufTokenizer(Path file, Map<String, GgufValue> values) {
    this.file = file;
    this.values = values;
  }

  /** Returns the tokenizer of a model in GGUF. Its keys aren't looked at before there is a text. */
  public static GgufTokenizer of(Checkpoint checkpoint) {
    GgufFiles files = GgufCheckpoint.filesOf(checkpoint);
    return new GgufTokenizer(files.path(), files.keys());
  }

  /**
   * Reads the keys of a file, of a split model the first part.
   *
   * @throws io.github.wandacuda.error.InputException if it can't be read or breaks the format
   */
  public static GgufTokenizer open(Path file) {
    try (GgufFile opened = GgufFile.open(file)) {
      return new GgufTokenizer(file, opened.header().keys());
    }
  }

  @Override
  public Path file() {
    return file;
  }

  /** Returns whether the tokenizer is of a known kind. */
  @Override
  public boolean isThere() {
    GgufKeys keys = new GgufKeys(file, values);
    return switch (model(keys)) {
      case SENTENCE_PIECE -> true;
      case BYTE_PAIRS -> GgufPreTokenizer.find(keys).isPresent();
      default -> false;
    };
  }

  private static String model(GgufKeys keys) {
    return keys.general(MODEL).flatMap(GgufValue::text).orElse("none");
  }

  @Override
  public Optional<Path> config() {
    return Optional.empty();
  }

  /**
   * Makes the tokenizer.
   *
   * @throws io.github.wandacuda.error.InputException if the keys describe none that is known, or
   *     contradict each other
   */
  @Override
  public byte[] json() {
    return InputFile.reading(
        file,
        () -> {
          ByteArrayOutputStream out = new ByteArrayOutputStream();
          try (JsonGenerator json = FACTORY.createGenerator(out)) {
            write(new GgufKeys(file, values), json);
          }
          return out.toByteArray();
        });
  }

  private static void write(GgufKeys keys, JsonGenerator json) throws IOException {
    switch (model(keys)) {
      case BYTE_PAIRS -> writeBytePairs(keys, json);
      case SENTENCE_PIECE -> writeSentencePiece(keys, json);
      default ->
          throw keys.generalProblem(MODEL)
              .hint(OTHERWISE)
              .wrong("%s or %s".formatted(BYTE_PAIRS, SENTENCE_PIECE), Printable.of(model(keys)));
    }
  }

  private static void writeBytePairs(GgufKeys keys, JsonGenerator json) throws IOException {
    GgufPreTokenizer pieces = GgufPreTokenizer.of(keys);
    GgufVocabulary vocabulary = new GgufVocabulary(keys);
    TokenizerWriter writer = new TokenizerWriter(json, vocabulary);
    writer.begin(
        around(keys, vocabulary, "bos", pieces.addBos(), OptionalInt.empty()),
        around(keys, vocabulary, "eos", false, OptionalInt.empty()));
    writer.bytePairs(pieces, GgufMerges.listed(keys, vocabulary));
    writer.end();
  }

  private static void writeSentencePiece(GgufKeys keys, JsonGenerator json) throws IOException {
    GgufVocabulary vocabulary = new GgufVocabulary(keys);
    TokenizerWriter writer = new TokenizerWriter(json, vocabulary);
    // The usual ids of BOS and EOS, which llama.cpp takes too where no key names others.
    writer.begin(
        around(keys, vocabulary, "bos", true, OptionalInt.of(1)),
        around(keys, vocabulary, "eos", false, OptionalInt.of(2)));
    writer.sentencePiece(
        keys.isTrue("tokenizer.ggml.add_space_prefix", true),
        vocabulary.named(UNKNOWN, vocabulary.unknown()),
        GgufMerges.byScore(keys, vocabulary));
    writer.end();
  }

  /**
   * Returns the token that is put before or behind each text.
   *
   * @param name {@code bos} or {@code eos}
   * @param added whether it is, unless a key says so
   * @param usual its id, unless a key says so
   * @return nothing if none is put there
   */
  private static OptionalInt around(
      GgufKeys keys, GgufVocabulary vocabulary, String name, boolean added, OptionalInt usual) {
    if (!keys.isTrue("tokenizer.ggml.add_%s_token".formatted(name), added)) {
      return OptionalInt.empty();
    }
    String key = "tokenizer.ggml.%s_token_id".formatted(name);
    OptionalInt id = vocabulary.named(key, usual);
    if (id.isEmpty()) {
      throw keys.generalProblem(key).wrong("the id of the token that each text gets", "none");
    }
    return id;
  }
}

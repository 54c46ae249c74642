package io.github.wandacuda.checkpoint.gguf;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.JsonTree;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What is done to a text before byte-pair encoding, by the name that a file gives in {@code
 * tokenizer.ggml.pre}. The table {@code pre-tokenizers.json} has llama.cpp's names with the regular
 * expressions of the tokenizers that they stand for, in Oniguruma's syntax.
 *
 * @param split regular expressions that cut a text into pieces, one after the other: each match is
 *     a piece, and so is what lies between two
 * @param wholePieces whether a piece that is a token isn't merged of smaller ones
 * @param addBos whether BOS goes in front of a text unless another key says otherwise
 */
record GgufPreTokenizer(List<String> split, boolean wholePieces, boolean addBos) {
  private static final String KEY = "tokenizer.ggml.pre";
  private static final String TABLE = "pre-tokenizers.json";

  /** What llama.cpp takes where a file names none. */
  private static final String DEFAULT = "default";

  /** Returns all by their names. */
  static Map<String, GgufPreTokenizer> all() {
    Map<String, GgufPreTokenizer> all = new LinkedHashMap<>();
    try (InputStream in = GgufPreTokenizer.class.getResourceAsStream(TABLE)) {
      for (JsonNode entry : JsonTree.read(in)) {
        GgufPreTokenizer tokenizer = of(entry);
        entry.path("names").forEach(name -> all.put(name.textValue(), tokenizer));
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the jar has " + TABLE, e);
    }
    return all;
  }

  private static GgufPreTokenizer of(JsonNode entry) {
    List<String> split = new ArrayList<>();
    entry.path("split").forEach(expression -> split.add(expression.textValue()));
    return new GgufPreTokenizer(
        split, entry.path("whole_pieces").booleanValue(), entry.path("add_bos").booleanValue());
  }

  /** Returns the one that a file names, or nothing if the table doesn't have it. */
  static Optional<GgufPreTokenizer> find(GgufKeys keys) {
    return name(keys).map(all()::get);
  }

  private static Optional<String> name(GgufKeys keys) {
    Optional<GgufValue> value = keys.general(KEY);
    return value.isEmpty() ? Optional.of(DEFAULT) : value.flatMap(GgufValue::text);
  }

  /**
   * Returns the one that a file names.
   *
   * @throws io.github.wandacuda.error.InputException if the table doesn't have it
   */
  static GgufPreTokenizer of(GgufKeys keys) {
    return find(keys)
        .orElseThrow(
            () ->
                keys.generalProblem(KEY)
                    .hint(GgufTokenizer.OTHERWISE)
                    .wrong(
                        "one of " + String.join(", ", all().keySet()),
                        name(keys).map(Printable::of).orElse("no text")));
  }
}

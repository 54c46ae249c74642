package io.github.wandacuda.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.text.DjlTokenizer;
import io.github.wandacuda.text.TokenizerFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tokenizers made of keys, beside the {@code tokenizer.json} that the keys were made of. */
class GgufTokenizerTest {
  static final Path LLAMA = Path.of("testdata", "gguf", "tiny-llama-Q4_K_M.gguf");

  /** Written for this test: scripts, digits, spaces, line ends, bytes and special tokens. */
  static final List<String> TEXTS =
      List.of(
          "",
          " ",
          "   two  spaces\tand a tab\r\n\r\n  then more",
          "The river rises in 1986, and it's 1234567 m³ wide; we'll see.",
          "Größe, naïve café, ÉCOLE, ǅungla",
          "Река течёт к морю; ήταν μια φορά",
          "川は海へ流れる。大河 一二三 한국어",
          "नदी समुद्र में جمل עברית ไทย",
          "👩‍👩‍👧 🚀 \u0000 \u00a0",
          "<s>begin</s> <unk> <0x41> x",
          "int main(void) { return a[i] != b->c; } // done");

  @TempDir Path folder;

  private static GgufValue texts(List<byte[]> texts) {
    GgufBytes bytes = new GgufBytes().u32(GgufValue.TEXT).u64(texts.size());
    texts.forEach(text -> bytes.u64(text.length).raw(text));
    return new GgufValue(GgufValue.ARRAY, bytes.bytes());
  }

  static GgufValue texts(String... texts) {
    List<byte[]> all = new ArrayList<>();
    for (String text : texts) {
      all.add(text.getBytes(StandardCharsets.UTF_8));
    }
    return texts(all);
  }

  private static GgufValue floats(float... numbers) {
    GgufBytes bytes = new GgufBytes().u32(GgufValue.F32).u64(numbers.length);
    for (float number : numbers) {
      bytes.u32(Float.floatToIntBits(number));
    }
    return new GgufValue(GgufValue.ARRAY, bytes.bytes());
  }

  /** Returns the small model with byte-pair encoding of a few letters. */
  static EditedGguf bytePairs(String pre) {
    return EditedGguf.of(LLAMA)
        .key("tokenizer.ggml.model", GgufValue.of("gpt2"))
        .key("tokenizer.ggml.pre", GgufValue.of(pre))
        .key("tokenizer.ggml.tokens", texts("<e>", "a", "b", "c", "Ġ", "ab", "abc", "Ġab"))
        .key("tokenizer.ggml.token_type", GgufValue.of(new int[] {3, 1, 1, 1, 1, 1, 1, 1}))
        .key("tokenizer.ggml.merges", texts("a b", "ab c", "Ġ ab"))
        .key("tokenizer.ggml.bos_token_id", 0)
        .key("tokenizer.ggml.eos_token_id", 0)
        .key("tokenizer.ggml.unknown_token_id", 0);
  }

  /**
   * Returns the small model with the 256 bytes as tokens, and any two bytes that are neighbours in
   * the texts: two that a pre-tokenizer cuts apart stay two.
   */
  static EditedGguf neighbours(String pre) {
    Set<String> tokens = new LinkedHashSet<>();
    IntStream.range(0, 256).forEach(value -> tokens.add(visible(value)));
    Set<String> merges = new LinkedHashSet<>();
    for (String text : TEXTS) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      for (int end = 1; end < bytes.length; end++) {
        String left = visible(bytes[end - 1] & 0xff);
        String right = visible(bytes[end] & 0xff);
        tokens.add(left + right);
        merges.add(left + " " + right);
      }
    }
    int[] kinds = new int[tokens.size() + 1];
    Arrays.fill(kinds, 1);
    kinds[tokens.size()] = 3;
    tokens.add("<e>");
    return EditedGguf.of(LLAMA)
        .key("tokenizer.ggml.model", GgufValue.of("gpt2"))
        .key("tokenizer.ggml.pre", GgufValue.of(pre))
        .key("tokenizer.ggml.tokens", texts(tokens.toArray(String[]::new)))
        .key("tokenizer.ggml.token_type", GgufValue.of(kinds))
        .key("tokenizer.ggml.merges", texts(merges.toArray(String[]::new)))
        .key("tokenizer.ggml.bos_token_id", tokens.size() - 1)
        .key("tokenizer.ggml.eos_token_id", tokens.size() - 1)
        .key("tokenizer.ggml.unknown_token_id", tokens.size() - 1);
  }

  /** Returns the character that stands for a byte: itself where it can be seen, as in GPT-2. */
  private static String visible(int value) {
    int seen = 0;
    for (int other = 0; other < value; other++) {
      seen += isVisible(other) ? 0 : 1;
    }
    return Character.toString(isVisible(value) ? value : 256 + seen);
  }

  private static boolean isVisible(int value) {
    return value >= '!' && value <= '~' || value >= 0xa1 && value <= 0xff && value != 0xad;
  }

  private Path write(EditedGguf model) throws IOException {
    return Files.write(folder.resolve("x.gguf"), model.bytes());
  }

  private int[] tokens(EditedGguf model, String text) throws IOException {
    try (DjlTokenizer tokenizer = DjlTokenizer.open(GgufTokenizer.open(write(model)))) {
      return tokenizer.encode(text);
    }
  }

  @Test
  void sentencePieceGivesTheTokensOfItsSource() {
    try (DjlTokenizer made = DjlTokenizer.open(GgufTokenizer.open(LLAMA));
        DjlTokenizer source = DjlTokenizer.open(TokenizerFile.in(TestData.TINY_LLAMA))) {
      for (String text : TEXTS) {
        int[] tokens = source.encode(text);
        assertThat(made.encode(text)).as(text).isEqualTo(tokens);
        assertThat(made.encode(text, false)).as(text).isEqualTo(source.encode(text, false));
        assertThat(made.decode(tokens)).as(text).isEqualTo(source.decode(tokens));
      }
    }
  }

  /** As a converter leaves them that has no scores. */
  @Test
  void equalScoresGiveTheTokensOfTheSourceToo() throws IOException {
    EditedGguf model = EditedGguf.of(LLAMA);
    float[] same = new float[model.key("tokenizer.ggml.tokens").count()];
    Arrays.fill(same, -1000);
    model.key("tokenizer.ggml.scores", floats(same));
    try (DjlTokenizer made = DjlTokenizer.open(GgufTokenizer.open(write(model)));
        DjlTokenizer source = DjlTokenizer.open(TokenizerFile.in(TestData.TINY_LLAMA))) {
      for (String text : TEXTS) {
        assertThat(made.encode(text)).as(text).isEqualTo(source.encode(text));
      }
    }
  }

  @Test
  void bytePairsAreMergedWithinPieces() throws IOException {
    assertThat(tokens(bytePairs("llama-bpe"), "abc ab a<e>c")).containsExactly(0, 6, 7, 4, 1, 0, 3);
    assertThat(tokens(bytePairs("gpt-2").withoutKey("tokenizer.ggml.add_bos_token"), "cab"))
        .containsExactly(3, 5);
  }

  static List<String> names() {
    return List.copyOf(GgufPreTokenizer.all().keySet());
  }

  /** The library compiles the expressions as it opens them. */
  @ParameterizedTest
  @MethodSource("names")
  void allPreTokenizersAreTakenByTheLibrary(String name) throws IOException {
    EditedGguf model = bytePairs(name);
    try (DjlTokenizer tokenizer = DjlTokenizer.open(GgufTokenizer.open(write(model)))) {
      for (String text : TEXTS) {
        assertThat(tokenizer.encode(text)).as(text).startsWith(0);
      }
    }
  }

  private void refuses(EditedGguf model, String... words) throws IOException {
    Path file = write(model);
    Throwable refusal = catchThrowable(() -> GgufTokenizer.open(file).json());
    assertThat(refusal).isInstanceOf(InputException.class);
    assertThat(refusal.getMessage())
        .startsWith(file + ": key tokenizer.ggml.")
        .contains("expected ", ", found ")
        .contains(words);
    assertThat(refusal.getMessage().lines()).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"bert", "t5", "none", "rwkv", "", "two\nlines"})
  void otherKindsAreRefused(String model) throws IOException {
    EditedGguf edited = EditedGguf.of(LLAMA).key("tokenizer.ggml.model", GgufValue.of(model));
    refuses(edited, "key tokenizer.ggml.model", "gpt2 or llama", "`tokenizer`", "token ids");
    assertThat(GgufTokenizer.open(write(edited)).isThere()).isFalse();
  }

  @Test
  void unknownPreTokenizersAreRefused() throws IOException {
    refuses(bytePairs("gpt-9"), "key tokenizer.ggml.pre", "llama-bpe", "found gpt-9");
    assertThat(GgufTokenizer.open(write(bytePairs("gpt-9"))).isThere()).isFalse();
    assertThat(GgufTokenizer.open(write(bytePairs("qwen2"))).isThere()).isTrue();
  }

  @Test
  void keysThatContradictEachOtherAreRefused() throws IOException {
    String tokens = "tokenizer.ggml.tokens";
    String merges = "tokenizer.ggml.merges";
    refuses(
        EditedGguf.of(LLAMA).key("tokenizer.ggml.scores", floats(0, -1)),
        "key tokenizer.ggml.scores",
        "2048 numbers",
        "found 2");
    refuses(
        EditedGguf.of(LLAMA).key("tokenizer.ggml.scores", GgufValue.of(new int[2048])),
        "key tokenizer.ggml.scores");
    refuses(
        bytePairs("gpt-2").key("tokenizer.ggml.token_type", GgufValue.of(new int[] {1, 1})),
        "key tokenizer.ggml.token_type",
        "8 whole numbers",
        "found 2");
    refuses(bytePairs("gpt-2").key(merges, texts("ab")), "key " + merges, "ab at place 0");
    refuses(bytePairs("gpt-2").key(merges, texts("a b", "a ")), "key " + merges, "place 1");
    refuses(bytePairs("gpt-2").key(merges, texts("a c")), "key " + merges, "ac at place 0");
    refuses(bytePairs("gpt-2").key(merges, GgufValue.of("a b")), "key " + merges);
    refuses(bytePairs("gpt-2").withoutKey(merges), "key " + merges, "found none");
    refuses(
        bytePairs("gpt-2").key("tokenizer.ggml.bos_token_id", 8),
        "key tokenizer.ggml.bos_token_id",
        "found 8");
    refuses(
        bytePairs("gpt-2").withoutKey("tokenizer.ggml.bos_token_id"),
        "key tokenizer.ggml.bos_token_id",
        "found none");
    refuses(
        bytePairs("gpt-2").key("tokenizer.ggml.add_bos_token", 1),
        "key tokenizer.ggml.add_bos_token",
        "true or false");
    refuses(
        bytePairs("gpt-2").key(tokens, texts("<e>", "a", "a", "c", "Ġ", "ab", "abc", "Ġab")),
        "key " + tokens,
        "a with the ids 1 and 2");
    refuses(
        bytePairs("gpt-2").key(tokens, texts(List.of(new byte[] {'a'}, new byte[] {(byte) 0xc3}))),
        "key " + tokens,
        "UTF-8",
        "place 1");
    refuses(bytePairs("gpt-2").withoutKey(tokens), "key " + tokens, "found none");
  }
}

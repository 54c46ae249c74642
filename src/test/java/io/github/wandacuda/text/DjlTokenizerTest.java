package io.github.wandacuda.text;

import static io.github.wandacuda.text.TestFiles.MODEL;
import static io.github.wandacuda.text.TestFiles.assertRejects;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DjlTokenizerTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @AutoClose
  private static final DjlTokenizer TOKENIZER = DjlTokenizer.open(TokenizerFile.in(MODEL));

  @TempDir private Path directory;

  @Test
  void encodesWithTheTokensThatItAddsItself() {
    assertThat(TOKENIZER.encode("The Nile is a great river."))
        .containsExactly(1, 339, 386, 600, 319, 260, 1396, 423, 1014, 1868);
    assertThat(TOKENIZER.encode("")).containsExactly(1);
    assertThat(TOKENIZER.encode("<s>x</s>")).containsExactly(1, 1, 1847, 1888, 2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"日本", "😀", "ï", "\0", "🚀"})
  void fallsBackToTheBytesOfRareCharacters(String text) {
    // The piece of byte b has the id b + 3, the space in front of a text the id 1847.
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int[] expected =
        IntStream.concat(
                IntStream.of(1, 1847), IntStream.range(0, bytes.length).map(i -> bytes[i] & 0xff))
            .toArray();
    for (int i = 2; i < expected.length; i++) {
      expected[i] += 3;
    }
    assertThat(TOKENIZER.encode(text)).containsExactly(expected);
  }

  @Test
  void cutsNothingOffALongText() {
    int[] ids = TOKENIZER.encode("river ".repeat(10_000));
    assertThat(ids.length).isGreaterThan(10_000);
    assertThat(TOKENIZER.encode("river ".repeat(10_001))).startsWith(Arrays.copyOf(ids, 10_000));
  }

  @Test
  void ignoresTruncationAndPadding() throws IOException {
    write(
        json -> {
          json.putObject("truncation")
              .put("direction", "Right")
              .put("max_length", 16)
              .put("strategy", "LongestFirst")
              .put("stride", 0);
          json.putObject("padding")
              .put("direction", "Right")
              .put("pad_id", 0)
              .put("pad_type_id", 0)
              .put("pad_token", "<unk>")
              .putNull("pad_to_multiple_of")
              .putObject("strategy")
              .put("Fixed", 64);
        });
    try (DjlTokenizer other = DjlTokenizer.open(TokenizerFile.in(directory))) {
      assertThat(other.encode("a")).containsExactly(1, 260);
      String text = "The Nile is a great river. ".repeat(20);
      assertThat(other.encode(text)).containsExactly(TOKENIZER.encode(text));
    }
  }

  @Test
  void leavesTheTextAsItIsWhateverTokenizerConfigSays() throws IOException {
    write(json -> {});
    Files.writeString(
        directory.resolve("tokenizer_config.json"),
        """
        {"add_prefix_space": true, "do_lower_case": true, "strip_accents": true,
         "model_max_length": 8, "bos_token": null}
        """);
    String text = "Naïve Été: the Nile is a great river";
    try (DjlTokenizer other = DjlTokenizer.open(TokenizerFile.in(directory))) {
      assertThat(other.encode(text)).containsExactly(TOKENIZER.encode(text));
    }
  }

  @Test
  void saysWhereItCameFrom() {
    assertThat(TOKENIZER.source()).isEqualTo(MODEL.resolve("tokenizer.json").toString());
  }

  @Test
  void refusesHalfASurrogatePair() {
    assertThatThrownBy(() -> TOKENIZER.encode("a\ud800b"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void rejectsATokenizerThatIsCutShort() throws IOException {
    byte[] whole = Files.readAllBytes(MODEL.resolve("tokenizer.json"));
    Files.write(directory.resolve("tokenizer.json"), Arrays.copyOf(whole, whole.length / 2));
    assertRejects(() -> DjlTokenizer.open(TokenizerFile.in(directory)))
        .contains("not JSON at line ");
  }

  @Test
  void rejectsAMergeOfPiecesThatAreNotThere() throws IOException {
    write(json -> json.withObject("/model").withArray("merges").add("zz qq"));
    assertRejects(() -> DjlTokenizer.open(TokenizerFile.in(directory)))
        .contains("`zz` out of vocabulary");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          normalizer | Replace | a  | 1 | 100000 | normalizer: expected text that becomes at most 100 times
          normalizer | Replace | ab | 1 | 201    | 201 characters by Replace of 'ab'
          normalizer | Replace | a  | 9 | 2      | by Replace of 'a'
          normalizer | Prepend | a  | 1 | 100000 | 100000 characters by Prepend
          decoder    | Replace | a  | 1 | 100000 | decoder: expected
          """)
  void refusesATextThatGrowsWithoutEnd(
      String part, String type, String pattern, int steps, int length, String message)
      throws IOException {
    String list = part + "s";
    write(
        json -> {
          ObjectNode all = json.putObject(part).put("type", "Sequence");
          // In a sequence of its own, which a sequence may hold.
          ArrayNode inner = all.putArray(list).addObject().put("type", "Sequence").putArray(list);
          for (int step = 0; step < steps; step++) {
            ObjectNode each = inner.addObject().put("type", type);
            each.put(type.equals("Prepend") ? "prepend" : "content", "a".repeat(length));
            each.putObject("pattern").put("String", pattern);
          }
        });
    assertRejects(() -> DjlTokenizer.open(TokenizerFile.in(directory)))
        .startsWith(directory.resolve("tokenizer.json").toString())
        .contains(message);
  }

  @Test
  void takesTextThatGrowsALittle() throws IOException {
    write(
        json -> {
          ArrayNode steps =
              json.putObject("normalizer").put("type", "Sequence").putArray("normalizers");
          for (String replaced : List.of("…", "–", "½", "œ", "ﬁ", "™")) {
            steps
                .addObject()
                .put("type", "Replace")
                .put("content", "abc")
                .putObject("pattern")
                .put("String", replaced);
          }
          steps
              .addObject()
              .put("type", "Replace")
              .put("content", " ")
              .putObject("pattern")
              .put("Regex", " {2,}");
          steps.addObject().put("type", "Prepend").put("prepend", "▁");
        });
    try (DjlTokenizer other = DjlTokenizer.open(TokenizerFile.in(directory))) {
      assertThat(other.encode("a…  b")).isEqualTo(other.encode("aabc b"));
    }
  }

  @Test
  void rejectsSpecialTokensThatWouldEndTheProcess() throws IOException {
    write(
        json -> {
          ObjectNode template = json.withObject("/post_processor").deepCopy();
          template.putObject("special_tokens");
          json.putObject("post_processor")
              .put("type", "Sequence")
              .putArray("processors")
              .add(template);
        });
    assertRejects(() -> DjlTokenizer.open(TokenizerFile.in(directory)))
        .contains("the special token <s>");
  }

  private void write(Consumer<ObjectNode> change) throws IOException {
    write(directory, change);
  }

  /** Writes the bundled model's TOKENIZER into a directory, changed. */
  static void write(Path directory, Consumer<ObjectNode> change) throws IOException {
    ObjectNode json = (ObjectNode) JSON.readTree(MODEL.resolve("tokenizer.json").toFile());
    change.accept(json);
    JSON.writeValue(directory.resolve("tokenizer.json").toFile(), json);
  }
}

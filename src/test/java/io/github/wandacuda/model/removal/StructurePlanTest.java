package io.github.wandacuda.model.removal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.TestData;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The config of a smaller model: which of its bytes differ. */
class StructurePlanTest {
  @TempDir Path directory;

  private String edited(String config, SortedMap<String, Object> values) throws IOException {
    Path copy =
        TestData.copy(
            TestData.fixture("llama-gqa").resolve("model"),
            directory.resolve(Integer.toHexString(config.hashCode())));
    Files.writeString(copy.resolve("config.json"), config);
    try (ModelDirectory model = ModelDirectory.open(copy)) {
      return new String(
          new StructurePlan(model, List.of(), values).configBytes(), StandardCharsets.UTF_8);
    }
  }

  @Test
  void valuesOfAnyKindAreReplacedWhereTheyStand() throws IOException {
    SortedMap<String, Object> values = new TreeMap<>();
    values.put("number", 3);
    values.put("half", 0.25);
    values.put("text", "b\"c");
    values.put("flag", false);
    values.put("none", List.of(1, "x"));
    values.put("list", null);
    values.put("inner.list", List.of());
    values.put("inner.deep.number", 12);
    String before =
        """
        { "number" :4,"half":0.5 , "text": "é \\u00e9", "flag":true,
          "none": null, "list": [ 1, { "number": 4 }, [2] ],
        \t"inner": { "list" : [1,2 ], "deep": {"number": 7, "flag": true}, "number": 4 },
          "inner.list": 1, "more/less": { "number": -1.50e3 } }
        """;
    String after =
        """
        { "number" :3,"half":0.25 , "text": "b\\"c", "flag":false,
          "none": [1,"x"], "list": null,
        \t"inner": { "list" : [], "deep": {"number": 12, "flag": true}, "number": 4 },
          "inner.list": 1, "more/less": { "number": -1.50e3 } }
        """;
    assertThat(edited(before, values)).isEqualTo(after);
    assertThat(edited("\ufeff" + before, values)).isEqualTo("\ufeff" + after);
  }

  @Test
  void newKeysStandFirstInTheirObject() throws IOException {
    SortedMap<String, Object> values = new TreeMap<>();
    values.put("head_dim", 8);
    values.put("text_config.heads", List.of(1));
    values.put("text_config.layers", 2);
    assertThat(
            edited(
                """
                {
                  "a": [{}],
                  "text_config": {"layers": 3},
                  "head_dims": 1
                }""",
                values))
        .isEqualTo(
            """
            {
              "head_dim": 8,
              "a": [{}],
              "text_config": {"heads": [1],"layers": 2},
              "head_dims": 1
            }""");
  }

  @Test
  void nothingElseDiffers() throws IOException {
    Path config = TestData.fixture("llama-gqa").resolve("model").resolve("config.json");
    SortedMap<String, Object> values = new TreeMap<>();
    values.put("num_hidden_layers", 1);
    List<String> lines = Files.readAllLines(config);
    List<String> now = Arrays.asList(edited(Files.readString(config), values).split("\n"));
    assertThat(now).hasSameSizeAs(lines);
    for (int line = 0; line < lines.size(); line++) {
      assertThat(now.get(line))
          .isEqualTo(lines.get(line).replaceFirst("(num_hidden_layers\": )\\d+", "$11"));
    }
  }
}

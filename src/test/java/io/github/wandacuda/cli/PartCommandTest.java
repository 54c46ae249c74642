package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Parts on the command line: what they say, and the files that the last one writes. */
class PartCommandTest {
  private static final Path STATISTICS = TestData.GOLDEN.resolve("wanda-50.statistics.safetensors");

  @TempDir Path directory;

  private Ended prune(String output, Object... more) {
    return InProcess.line(
            "prune --model %s --statistics %s --output %s --backend cpu",
            TestData.TINY_LLAMA, STATISTICS, directory.resolve(output), more)
        .succeeds();
  }

  @Test
  void aPartSaysHowFarTheOthersAre() {
    JsonNode first = prune("out", "--part", "1/2", "--json").json();
    assertThat(first.get("part").toString())
        .isEqualTo("{\"number\":1,\"of\":2,\"done\":1,\"finished\":false}");
    assertThat(first.get("mask_sha256").isNull()).isTrue();
    assertThat(first.get("modules").intValue()).isBetween(1, 41);
    assertThat(first.get("sparsity").doubleValue()).isEqualTo(0.5);
    JsonNode last = prune("out", "--part", "2/2", "--json").json();
    JsonNode whole = prune("whole", "--json").json();
    assertThat(last.get("part").get("finished").booleanValue()).isTrue();
    for (String key : List.of("modules", "pruned", "sparsity", "zero_rows", "mask_sha256")) {
      assertThat(last.get(key)).as(key).isEqualTo(whole.get(key));
    }
    assertThat(whole.has("part")).isFalse();
    JsonNode again = prune("out", "--part", "1/2", "--json").json();
    assertThat(again.get("mask_sha256")).isEqualTo(whole.get("mask_sha256"));
    assertThat(again.get("part").get("finished").booleanValue()).isTrue();
    Directories.assertSame(directory.resolve("whole"), directory.resolve("out"));
  }

  @Test
  void soItDoesInWords() {
    assertThat(prune("out", "--part", "2/3").out())
        .contains("part 2 of 3; 1 of 3 parts are done: ")
        .contains("when all parts are done");
  }

  @Test
  void theLastPartWritesTheFilesThatAllWereAskedFor() throws IOException {
    Path report = directory.resolve("report.json");
    Path statistics = directory.resolve("norms.safetensors");
    Object[] files = {"--report", report, "--save-statistics", statistics};
    List<Object> first = Words.of("--part 1/2", files);
    prune("out", first.toArray());
    assertThat(report).doesNotExist();
    assertThat(statistics).doesNotExist();
    first.set(1, "2/2");
    prune("out", first.toArray());
    Path expected = directory.resolve("expected.safetensors");
    prune("whole", "--save-statistics", expected);
    assertThat(Files.mismatch(expected, statistics)).isEqualTo(-1);
    assertThat(Files.readString(report)).contains("mask_sha256");
    Directories.assertSame(directory.resolve("whole"), directory.resolve("out"));
  }

  @Test
  void aPlanSaysWhichShards() {
    List<String> shards = new ArrayList<>();
    for (String part : List.of("1/2", "2/2")) {
      JsonNode plan = prune("out", "--part", part, "--dry-run", "--json").json().get("part");
      plan.get("shards").forEach(shard -> shards.add(shard.textValue()));
      assertThat(plan.get("bytes").longValue()).isPositive();
    }
    assertThat(shards).doesNotHaveDuplicates().hasSize(3);
    assertThat(prune("out", "--part", "7/7", "--dry-run").out())
        .startsWith("part 7 of 7: 0 of 3 shards, 0.0 MiB");
    assertThat(directory.resolve("out")).doesNotExist();
  }
}

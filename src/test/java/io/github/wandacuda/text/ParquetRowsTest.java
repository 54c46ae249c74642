package io.github.wandacuda.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Thorough;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.apache.parquet.format.CompressionCodec;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Execution(ExecutionMode.CONCURRENT)
class ParquetRowsTest {
  private static final Path TASKS = Path.of("testdata/tasks");
  private static final Path HUB = TASKS.resolve("hub");

  /** Snappy, nested lists and a dictionary. */
  private static final Path HELLASWAG =
      HUB.resolve("hellaswag/data/validation-00000-of-00002.parquet");

  /** Pages of version 2. */
  private static final Path VERSION_2 = HUB.resolve("openbookqa/main/test-00000-of-00001.parquet");

  @TempDir Path directory;

  @Test
  void readsStringsNumbersListsAndStructs() {
    List<JsonNode> rows = ParquetRows.read(HELLASWAG, Long.MAX_VALUE);
    assertThat(rows).hasSize(2);
    assertThat(rows.getFirst().get("ind").intValue()).isEqualTo(14);
    assertThat(rows.getFirst().get("activity_label").textValue()).isEqualTo("Baking bread");
    assertThat(rows.getFirst().get("endings")).hasSize(4);
    JsonNode question = ParquetRows.read(VERSION_2, Long.MAX_VALUE).get(1);
    assertThat(question.toString())
        .isEqualTo(
            "{\"id\":\"8-376\",\"question_stem\":\"Snow turns into\",\"choices\":{\"text\":"
                + "[\"sand\",\"water\",\"wood\",\"smoke\"],\"label\":[\"A\",\"B\",\"C\",\"D\"]},"
                + "\"answerKey\":\" B\"}");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "boolq/data/validation-00000-of-00001.parquet", // Snappy
        "glue/rte/validation-00000-of-00001.parquet", // gzip
        "ai2_arc/ARC-Challenge/test-00000-of-00001.parquet", // LZ4
        "winogrande/winogrande_xl/validation-00000-of-00001.parquet" // not compressed
      })
  void readsPagesOfEachCodec(String file) {
    assertThat(ParquetRows.read(HUB.resolve(file), Long.MAX_VALUE)).hasSizeBetween(2, 3);
    assertThat(ParquetRows.read(HUB.resolve(file), 1)).hasSize(1);
  }

  /** Values that occur often stand in a dictionary, in a page of its own. */
  @ParameterizedTest
  @ValueSource(strings = {"dictionary.parquet", "dictionary-v2.parquet"})
  void readsDictionaries(String file) {
    List<JsonNode> rows = ParquetRows.read(TASKS.resolve(file), Long.MAX_VALUE);
    assertThat(rows).hasSize(300);
    for (int row = 0; row < rows.size(); row++) {
      assertThat(rows.get(row).toString())
          .isEqualTo(
              "{\"word\":\"%s\",\"hundred\":%d,\"colours\":[%s]}"
                  .formatted(
                      List.of("warm", "cold", "wet").get(row % 3),
                      row / 100,
                      row % 2 == 0 ? "\"red\",\"blue\"" : "\"blue\""));
    }
  }

  private void assertRefused(byte[] bytes, String... said) throws IOException {
    Path file = Files.write(directory.resolve("broken.parquet"), bytes);
    assertThatThrownBy(() -> ParquetRows.read(file, Long.MAX_VALUE))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(file + ": ")
        .hasMessageNotContaining("Struct: ")
        .hasMessageContainingAll(said);
  }

  @Test
  void refusesWhatIsNoParquetFile() throws IOException {
    assertRefused(new byte[0], "expected a Parquet file, which begins with PAR1");
    assertRefused("a text that is no Parquet file".getBytes(), "begins with PAR1");
    byte[] whole = Files.readAllBytes(HELLASWAG);
    assertRefused(Arrays.copyOf(whole, whole.length - 100), "ends with PAR1", "cut short");
    byte[] farFooter = whole.clone();
    ByteBuffer.wrap(farFooter).putInt(whole.length - 8, 0x00ffffff);
    assertRefused(farFooter, "its metadata");
    byte[] noFooter = whole.clone();
    ByteBuffer.wrap(noFooter).putInt(whole.length - 8, 0);
    assertRefused(noFooter, "its metadata", "it ends early");
    // A struct without fields.
    byte[] noFields = whole.clone();
    ByteBuffer.wrap(noFields).putInt(whole.length - 8, 0x01000000);
    assertRefused(noFields, "its metadata", "Required field 'version' was not found");
  }

  @Test
  void refusesCodecsThatItDoesNotUnpack() {
    assertThatThrownBy(() -> ParquetRows.read(TASKS.resolve("broken/zstd.parquet"), 1))
        .isInstanceOf(InputException.class)
        .hasMessageContaining(
            "expected pages that are compressed by Snappy, gzip or LZ4, or not at all, found ZSTD")
        .hasMessageContaining("write it again");
  }

  /**
   * Whatever byte is broken: rows, or a failure in one line. Other readers hand pages to a native
   * library, which writes beyond its memory if a page says that it holds more than there is room
   * for.
   */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  @FirstCases(1)
  void brokenBytesDoNoHarm(int seed) throws IOException {
    Random random = new Random(seed);
    Path file = directory.resolve("flipped.parquet");
    int refused = 0;
    for (Path original : List.of(HELLASWAG, VERSION_2)) {
      byte[] bytes = Files.readAllBytes(original);
      for (int trial = 0; trial < 100; trial++) {
        byte[] broken = bytes.clone();
        for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
          broken[4 + random.nextInt(bytes.length - 12)] = (byte) random.nextInt(256);
        }
        Files.write(file, broken);
        refused += isRefused(file) ? 1 : 0;
      }
    }
    assertThat(refused).isBetween(66, 197);
  }

  /** Each byte in turn: the rows that are there, other values in them, or a refusal. */
  @ParameterizedTest
  @ValueSource(strings = {"dictionary.parquet", "dictionary-v2.parquet"})
  @Thorough
  void noByteMakesRowsWithoutEnd(String name) throws IOException {
    byte[] bytes = Files.readAllBytes(TASKS.resolve(name));
    Random random = new Random(4);
    for (int at = 0; at < bytes.length; at++) {
      byte[] broken = bytes.clone();
      broken[at] = (byte) (random.nextBoolean() ? 0xff : bytes[at] ^ 1 << random.nextInt(8));
      Path file = Files.write(directory.resolve("flipped.parquet"), broken);
      assertThat(rows(file)).as("byte %d is %d", at, broken[at]).isIn(300, -1);
    }
  }

  private static boolean isRefused(Path file) {
    return rows(file) < 0;
  }

  /** Returns how many rows a file has, or -1 if it is refused. */
  private static int rows(Path file) {
    return Assertions.assertTimeoutPreemptively(
        Duration.ofSeconds(20),
        () -> {
          try {
            return ParquetRows.read(file, Long.MAX_VALUE).size();
          } catch (InputException e) {
            assertThat(e.getMessage()).startsWith(file.toString()).hasLineCount(1);
            return -1;
          }
        });
  }

  /** The length that a page says it has is not believed. */
  @Test
  void aPageIsUnpackedWithinItsLength() throws IOException {
    // Snappy's words for 961 times 'a': the length, one literal, and 15 copies of 64 bytes.
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    packed.writeBytes(new byte[] {(byte) 0xc1, 7, 0, 'a'});
    for (int copy = 0; copy < 15; copy++) {
      packed.writeBytes(new byte[] {(byte) (63 << 2 | 2), 1, 0});
    }
    assertThat(PlainPages.plain(CompressionCodec.SNAPPY, packed.toByteArray(), 0, 961))
        .hasSize(961)
        .containsOnly('a');
    assertThat(PlainPages.plain(CompressionCodec.SNAPPY, packed.toByteArray(), 0, 10)).hasSize(11);
  }
}

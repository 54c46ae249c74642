package io.github.wandacuda.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TaskFilesTest {
  private static final Path TASKS = Path.of("testdata/tasks");

  /** A file of each task, whatever its place. */
  private static final Map<String, String> FILES =
      Map.of(
          "boolq", "hub/boolq/data/validation-00000-of-00001.parquet",
          "hellaswag", "lines/hellaswag_val.jsonl",
          "winogrande", "lines/winogrande_1.1/dev.jsonl",
          "arc_easy", "hub/ai2_arc/ARC-Easy/test-00000-of-00001.parquet",
          "openbookqa", "hub/openbookqa/main/test-00000-of-00001.parquet",
          "piqa", "hub/piqa/plain_text/validation/0000.parquet",
          "rte", "lines/rte/val.jsonl");

  @TempDir Path data;

  private Path put(String task, String place) throws IOException {
    Path file = data.resolve(place);
    Files.createDirectories(file.getParent());
    return Files.copy(TASKS.resolve(FILES.get(task)), file);
  }

  private List<Path> found(String task) {
    return Tasks.read(List.of(task), data, Long.MAX_VALUE).getFirst().files();
  }

  @ParameterizedTest
  @CsvSource({
    "boolq, boolq/validation-00000-of-00001.parquet",
    "boolq, super_glue/boolq/validation-00000-of-00001.parquet",
    "boolq, google/boolq/default/validation/0000.parquet",
    "boolq, datasets--google--boolq/snapshots/35b264/data/validation-00000-of-00001.parquet",
    "boolq, boolq.parquet",
    "rte, glue_data/RTE/val.jsonl",
    "rte, rte.jsonl",
    "hellaswag, hellaswag/hellaswag_val.jsonl",
    "hellaswag, hellaswag/data/val.jsonl",
    "winogrande, winogrande.jsonl",
    "arc_easy, ARC-Easy/test-00000-of-00001.parquet",
    "arc_easy, datasets--allenai--ai2_arc/snapshots/1/ARC-Easy/test-00000-of-00001.parquet",
    "openbookqa, openbookqa/main/test/0000.parquet",
    "piqa, piqa/validation.parquet"
  })
  void findsUsualPlaces(String task, String place) throws IOException {
    Path file = put(task, place);
    assertThat(found(task)).containsExactly(file);
  }

  /** The hub's cache has links to files whose names are digests. */
  @Test
  void followsLinks() throws IOException {
    Path blob = put("boolq", "datasets--google--boolq/blobs/1f2e");
    Path link =
        data.resolve("datasets--google--boolq/snapshots/1/data/validation-00000-of-00001.parquet");
    Files.createDirectories(link.getParent());
    Files.createSymbolicLink(link, blob);
    assertThat(found("boolq")).containsExactly(link);
  }

  @Test
  void prefersParquetAndTheLargestWinoGrande() throws IOException {
    put("rte", "rte/val.jsonl");
    Files.createDirectories(data.resolve("glue/rte"));
    Path parquet =
        Files.copy(
            TASKS.resolve("hub/glue/rte/validation-00000-of-00001.parquet"),
            data.resolve("glue/rte/validation-00000-of-00001.parquet"));
    assertThat(found("rte")).containsExactly(parquet);
    Path largest = data.resolve("winogrande/winogrande_xl/validation-00000-of-00001.parquet");
    for (String size :
        List.of("winogrande_debiased", "winogrande_l", "winogrande_xl", "winogrande_xs")) {
      Path folder = Files.createDirectories(data.resolve("winogrande").resolve(size));
      Files.copy(
          TASKS.resolve("hub/winogrande/winogrande_xl/validation-00000-of-00001.parquet"),
          folder.resolve("validation-00000-of-00001.parquet"));
    }
    assertThat(found("winogrande")).containsExactly(largest);
  }

  @Test
  void aMissingFileIsNamedWithWhereItComesFrom() {
    assertThatThrownBy(() -> found("arc_challenge"))
        .isInstanceOf(InputException.class)
        .hasMessage(
            data
                + ": task arc_challenge: expected arc-challenge/test-00000-of-00001.parquet or"
                + " arc-challenge/arc-challenge-test.jsonl, found neither; it comes from the dataset"
                + " allenai/ai2_arc, folder ARC-Challenge on the Hugging Face hub");
    assertThatThrownBy(() -> found("mmlu")).hasMessageContaining("cais/mmlu");
    assertThatThrownBy(() -> Tasks.read(List.of("piqa"), data.resolve("none"), 1))
        .isInstanceOf(InputException.class)
        .hasMessage(
            data.resolve("none") + ": expected a folder with the files of tasks, found nothing");
  }

  @Test
  void aMissingShardIsNamed() throws IOException {
    put("boolq", "boolq/validation-00000-of-00002.parquet");
    assertThatThrownBy(() -> found("boolq"))
        .isInstanceOf(InputException.class)
        .hasMessageContaining(
            "validation-00001-of-00002.parquet: task boolq: expected one of 2 files, found nothing");
  }

  /** A split whose labels are kept secret has other files. */
  @Test
  void takesNoOtherSplit() throws IOException {
    put("boolq", "boolq/train-00000-of-00001.parquet");
    put("hellaswag", "hellaswag/hellaswag_train.jsonl");
    assertThatThrownBy(() -> found("boolq")).isInstanceOf(InputException.class);
    assertThatThrownBy(() -> found("hellaswag")).isInstanceOf(InputException.class);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "boolk|expected boolq, rte, hellaswag, winogrande, arc_easy, arc_challenge, openbookqa,",
        "rte,,piqa|found ''",
        "rte,rte|rte is named twice"
      })
  void wrongNamesAreRefused(String list, String said) {
    assertThatThrownBy(() -> Tasks.parse(list, true))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining(said);
  }

  @Test
  void aTaskNeedsAFolderAndAFileDoesNot() {
    assertThatThrownBy(() -> Tasks.parse("mine.jsonl,rte", false))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("task rte needs `data` DIR");
    assertThat(Tasks.parse("mine.jsonl, yours.jsonl", false))
        .containsExactly("mine.jsonl", "yours.jsonl");
  }
}

package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.cli.ResultTrials.Name;
import io.github.wandacuda.cli.ResultTrials.Trial;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.ReservedFile;
import io.github.wandacuda.report.ReportFormat;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FirstCases;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What result files may replace, and that they are tried before the work. */
class ResultFilesTest {
  private static final List<Trial> SOME =
      List.of(Trial.CALIBRATE_ON_TEXT, Trial.SAVE_OF_STATISTICS, Trial.REPORT_OF_TOKENS);

  @TempDir static Path written;
  @TempDir Path directory;

  private ResultTrials trials;

  @BeforeAll
  static void write() throws IOException {
    ResultTrials.write(written);
  }

  @BeforeEach
  void copy() {
    trials = new ResultTrials(written, directory);
  }

  /** All inputs by their own names, and one of each kind by all others; the faults do all. */
  static Stream<Arguments> names() {
    return Stream.of(Trial.values())
        .flatMap(trial -> Stream.of(Name.values()).map(name -> Arguments.of(trial, name)))
        .filter(pair -> pair.get()[1] == Name.ITSELF || SOME.contains(pair.get()[0]));
  }

  @ParameterizedTest
  @MethodSource("names")
  @FirstCases(12)
  void whatIsReadIsNeverReplaced(Trial trial, Name name) throws IOException {
    List<Path> inputs = new ArrayList<>(trials.inputs(trial));
    if (name != Name.ITSELF) {
      inputs.removeIf(
          input ->
              input.startsWith(trials.model())
                  && !List.of("generation_config.json", "chat_template.json")
                      .contains(input.getFileName().toString()));
    }
    for (Path input : inputs) {
      trials.refuse(trial, input, name, "--overwrite");
    }
  }

  /** By an ending that every option takes. */
  @ParameterizedTest
  @EnumSource
  @FirstCases(4)
  void whatIsReadIsNeverReplacedByASecondName(Trial trial) throws IOException {
    int number = 0;
    for (Path input : trials.inputs(trial)) {
      Path name = directory.resolve("second-%d.json".formatted(number++));
      trials.refuse(trial, input, Files.createLink(name, input), "--overwrite");
    }
  }

  @ParameterizedTest
  @EnumSource
  void nothingNewGoesIntoTheModelsFoldersNorTheOutput(Trial trial) throws IOException {
    List<Path> places = new ArrayList<>(List.of(trials.model(), trials.model().resolve("sub")));
    if (trial.hasOutput()) {
      places.add(directory.resolve("out"));
    }
    for (Path place : places) {
      trials.refuse(trial, place, place.resolve("new.json"), "--overwrite");
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsThereStaysUnlessToldOtherwise(Trial trial) throws IOException {
    Path mine = directory.resolve("mine.json");
    Files.writeString(mine, "precious");
    List<Path> contents =
        List.of(
            directory.resolve("text.txt"),
            directory.resolve("masks.safetensors"),
            directory.resolve("statistics.safetensors"));
    for (Path content : contents) {
      Files.copy(content, mine, StandardCopyOption.REPLACE_EXISTING);
      Map<Path, String> before = trials.content();
      Ended outcome = trials.run(trial, mine);
      assertThat(outcome.exitCode()).as(outcome.said()).isEqualTo(2);
      assertThat(outcome.said()).contains("mine.json", "--overwrite");
      assertThat(trials.content()).isEqualTo(before);
    }
    Files.delete(mine);
    Files.createSymbolicLink(mine, directory.resolve("nowhere"));
    assertThat(trials.run(trial, mine).exitCode()).isEqualTo(2);
    assertThat(Files.isSymbolicLink(mine)).isTrue();
  }

  @ParameterizedTest
  @EnumSource(names = {"CALIBRATE_ON_TOKENS", "SAVE_OF_STATISTICS", "REPORT_OF_STATISTICS"})
  void anEarlierResultIsReplacedWhereItWasAskedForAlone(Trial trial) throws IOException {
    for (String name : List.of("result.json", "result.html")) {
      Path result = directory.resolve(name);
      Files.writeString(result, "mine");
      trials.run(trial, result, "--overwrite").succeeds();
      trials.removeOutput();
      assertThat(Statistics.isOne(result) || ReportFormat.isOne(result)).isTrue();
      byte[] first = Files.readAllBytes(result);
      Ended second = trials.run(trial, result);
      assertThat(second.exitCode()).as(second.said()).isEqualTo(2);
      assertThat(second.said()).contains("this file exists; --overwrite replaces it");
      assertThat(result).hasBinaryContent(first);
      assertThat(directory.resolve("out")).doesNotExist();
    }
    assertThat(directory).isDirectoryNotContaining("glob:**.wanda-cuda*");
  }

  @ParameterizedTest
  @EnumSource(
      names = {"CALIBRATE_ON_TOKENS", "SAVE_OF_TOKENS", "MASKS_OF_MASKS", "REPORT_OF_MAGNITUDE"})
  void aMissingFolderIsMade(Trial trial) throws IOException {
    Path result = directory.resolve("not/there/result.json");
    trials.run(trial, result).succeeds();
    assertThat(result).isRegularFile();
  }

  /** The run may have ended after it wrote them; what isn't of their kind is somebody else's. */
  @ParameterizedTest
  @EnumSource(names = {"SAVE_OF_TOKENS", "REPORT_OF_STATISTICS", "MASKS_OF_MASKS"})
  void aResumedRunLeavesItsOwnAsTheyAre(Trial trial) throws IOException {
    Path result = directory.resolve("result.json");
    assertThat(trials.run(trial, result).exitCode()).isZero();
    byte[] first = Files.readAllBytes(result);
    trials.run(trial, result, "--resume").succeeds();
    assertThat(result).hasBinaryContent(first);
    Files.writeString(result, "mine");
    assertThat(trials.run(trial, result, "--resume").exitCode()).isEqualTo(2);
    assertThat(result).hasContent("mine");
    trials.removeOutput();
    Files.write(result, first);
    assertThat(trials.run(trial, result, "--resume").exitCode()).isEqualTo(2);
  }

  @Test
  void twoOptionsDontWriteOneFile() throws IOException {
    Path result = directory.resolve("both.json");
    Ended outcome =
        trials.run(Trial.REPORT_OF_TOKENS, result, "--save-statistics", result.toString());
    assertThat(outcome.exitCode()).as(outcome.said()).isEqualTo(2);
    assertThat(outcome.said()).contains("--save-statistics", "--report");
    assertThat(result).doesNotExist();
  }

  /** The text can't be tokenized, which shows as soon as it is read: places are tried before. */
  @ParameterizedTest
  @EnumSource(names = "SAVE_IN_PLACE", mode = EnumSource.Mode.EXCLUDE)
  void whatCantBeWrittenShowsBeforeTheWork(Trial trial) throws IOException {
    Files.createDirectories(directory.resolve("folder.json"));
    Files.writeString(directory.resolve("samples.json"), "no lists");
    Files.writeString(directory.resolve("statistics.safetensors"), "no statistics");
    for (String name : List.of("folder.json", "text.txt/file.json")) {
      Ended outcome = trials.run(trial, directory.resolve(name), "--overwrite");
      assertThat(outcome.exitCode()).as("%s: %s", name, outcome.said()).isEqualTo(6);
      assertThat(outcome.said().lines()).singleElement().asString().contains(name.split("/")[0]);
    }
    assertThat(directory.resolve("out")).doesNotExist();
  }

  @ParameterizedTest
  @EnumSource(
      names = {"SAVE_IN_PLACE", "REPORT_OF_COMPARISON", "REPORT_OF_ALLOCATION"},
      mode = EnumSource.Mode.EXCLUDE)
  void aSecondRunDoesntWriteTheSameFile(Trial trial) throws IOException {
    Path result = directory.resolve("result.json");
    try (ReservedFile first = ReservedFile.of(result)) {
      Ended outcome = trials.run(trial, result);
      assertThat(outcome.exitCode()).as(outcome.said()).isEqualTo(2);
      assertThat(outcome.said()).contains("another run");
      first.write(out -> out.write('1'));
    }
    assertThat(result).hasContent("1");
    assertThat(AtomicWrite.temporary(result)).doesNotExist();
  }

  @Test
  void aLeftoverThatIsALinkOrHasASecondNameIsNotWrittenTo() throws IOException {
    Path precious = Files.writeString(directory.resolve("precious"), "mine");
    Path result = directory.resolve("result.json");
    Path temporary = AtomicWrite.temporary(result);
    Files.createLink(temporary, precious);
    assertThat(trials.run(Trial.REPORT_OF_STATISTICS, result).exitCode()).isZero();
    Files.createSymbolicLink(temporary, precious);
    assertThat(trials.run(Trial.CALIBRATE_ON_TOKENS, result).exitCode()).isEqualTo(2);
    Files.delete(result);
    assertThat(trials.run(Trial.CALIBRATE_ON_TOKENS, result).exitCode()).isZero();
    assertThat(precious).hasContent("mine");
  }

  @Test
  void aDeviceIsWrittenToAsItIs() {
    trials.run(Trial.CALIBRATE_ON_TOKENS, Path.of("/dev/null")).succeeds();
    assertThat(Files.isRegularFile(Path.of("/dev/null"))).isFalse();
  }
}

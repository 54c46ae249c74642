package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Commands whose result files are named after what they read, in this process: each has to be
 * refused, and nothing may have changed.
 */
final class ResultTrials {
  private static final String CALIBRATION = "samples.json";
  private static final String TEXT = "text.txt";
  private static final String STATISTICS = "statistics.safetensors";
  private static final String MASKS = "masks.safetensors";
  private static final String TASK = "task.jsonl";
  private static final String RECIPE = "recipe.json";
  private static final String SHARES = "shares.json";

  private final Path directory;
  private final Path model;

  private ResultTrials(Path directory) {
    this.directory = directory;
    model = directory.resolve("model");
  }

  /** Takes what was written into a directory of its own. */
  ResultTrials(Path written, Path directory) {
    this(TestData.copy(written, directory));
  }

  /** Writes a model with files of all kinds, and what else is read. */
  static void write(Path directory) throws IOException {
    GeneratedLlama llama = new GeneratedLlama(3, 32, 64, 50);
    Path model = llama.write(directory.resolve("model"));
    Files.createDirectories(model.resolve("sub/below"));
    for (String name :
        """
        generation_config.json tokenizer.json tokenizer_config.json
        special_tokens_map.json merges.txt page.html .hidden.json sub/chat_template.json
        sub/below/modeling_any.py\
        """
            .split("\\s+")) {
      Files.writeString(model.resolve(name), "{\"of\": \"" + name + "\"}");
    }
    llama.writeSamples(directory.resolve(CALIBRATION), 2, 8);
    llama.writeStatistics(directory.resolve(STATISTICS));
    Files.writeString(directory.resolve(TEXT), "A text to calibrate on.");
    Files.writeString(directory.resolve(SHARES), "{\"0\": 0.25}");
    Files.writeString(directory.resolve(RECIPE), "[{method: wanda, allocation: shares.json}]");
    Files.writeString(
        directory.resolve(TASK), "{\"prompt\": \"a\", \"choices\": [\"b\"], \"gold\": 0}");
    ResultTrials trials = new ResultTrials(directory);
    trials.run(Trial.MASKS_OF_MAGNITUDE, directory.resolve(MASKS)).succeeds();
    trials.removeOutput();
  }

  /** How an option's file is named. */
  enum Name {
    ITSELF,
    DOTS,
    LINK,
    LINK_TO_LINK,
    SECOND_NAME,
    LINKED_FOLDER;

    /** Makes another path to a file, with the same ending. */
    Path of(Path file, Path directory) throws IOException {
      Path folder = Files.createDirectories(directory.resolve("links"));
      Path other = folder.resolve(this + "-" + file.getFileName());
      return switch (this) {
        case ITSELF -> file;
        case DOTS ->
            file.getParent()
                .resolve("../" + file.getParent().getFileName())
                .resolve("./" + file.getFileName());
        case LINK -> Files.createSymbolicLink(other, file);
        case LINK_TO_LINK ->
            Files.createSymbolicLink(
                other, Files.createSymbolicLink(folder.resolve("between"), file));
        case SECOND_NAME -> Files.createLink(other, file);
        case LINKED_FOLDER ->
            Files.createSymbolicLink(folder.resolve("folder"), file.getParent())
                .resolve(file.getFileName());
      };
    }
  }

  /** A command and the option that names its result file. */
  enum Trial {
    CALIBRATE_ON_TOKENS("--output", "calibrate", "--calibration", CALIBRATION),
    CALIBRATE_ON_TEXT("--output", "calibrate", "--calibration", TEXT),
    SAVE_OF_TOKENS("--save-statistics", "prune", "--calibration", CALIBRATION),
    SAVE_OF_STATISTICS("--save-statistics", "prune", "--statistics", STATISTICS),
    REPORT_OF_TOKENS("--report", "prune", "--calibration", CALIBRATION),
    REPORT_OF_STATISTICS("--report", "prune", "--statistics", STATISTICS),
    REPORT_OF_MAGNITUDE("--report", "prune", "--method", "magnitude"),
    MASKS_OF_MAGNITUDE("--save-masks", "prune", "--method", "magnitude"),
    MASKS_OF_MASKS("--save-masks", "prune", "--method", "masks", "--masks", MASKS),
    SAVE_OF_RECIPE("--save-statistics", "prune", "--calibration", CALIBRATION, "--recipe", RECIPE),
    REPORT_OF_RECIPE("--report", "prune", "--statistics", STATISTICS, "--recipe", RECIPE),
    REPORT_OF_ALLOCATION(
        "--report", "prune", "--method", "magnitude", "--allocation", SHARES, "--evaluate", TEXT),
    REPORT_OF_COMPARISON(
        "--report", "compare", "--calibration", CALIBRATION, "--text", TEXT, "--tasks", TASK),
    SAVE_IN_PLACE("--save-statistics", "prune", "--in-place", "--yes", "--statistics", STATISTICS);

    private final String option;
    private final List<String> words;

    Trial(String option, String... words) {
      this.option = option;
      this.words = List.of(words);
    }

    boolean hasOutput() {
      return words.contains("prune") && !words.contains("--in-place");
    }
  }

  Path model() {
    return model;
  }

  /** Returns all files that a trial reads. */
  List<Path> inputs(Trial trial) {
    List<Path> inputs = new ArrayList<>();
    Directories.files(model).forEach(file -> inputs.add(model.resolve(file)));
    trial.words.stream().map(directory::resolve).filter(Files::isRegularFile).forEach(inputs::add);
    if (trial.words.contains(RECIPE)) {
      inputs.add(directory.resolve(SHARES));
    }
    return inputs;
  }

  Ended run(Trial trial, Path result, String... more) {
    List<Object> words = new ArrayList<>();
    for (String word : trial.words) {
      Path input = directory.resolve(word);
      words.add(Files.isRegularFile(input) ? input : word);
    }
    words.addAll(Words.of("--model %s --backend cpu --quiet", model));
    if (trial.hasOutput()) {
      words.addAll(List.of("--output", directory.resolve("out")));
    }
    return InProcess.run(words, trial.option, result, more);
  }

  /** Removes what a run has made. */
  void removeOutput() throws IOException {
    Directories.remove(directory.resolve("out"));
  }

  /** Names a result after an input, and expects that it is refused. */
  void refuse(Trial trial, Path input, Name name, String... more) throws IOException {
    Path links = directory.resolve("links");
    Path result = name.of(input, directory);
    refuse(trial, input, result, more);
    if (Files.exists(links)) {
      try (var entries = Files.list(links)) {
        for (Path entry : entries.toList()) {
          Files.delete(entry);
        }
      }
    }
  }

  /** Names a result by another path to an input, and expects that it is refused. */
  void refuse(Trial trial, Path input, Path result, String... more) throws IOException {
    Map<Path, String> before = content();
    Ended outcome = run(trial, result, more);
    assertThat(outcome.exitCode())
        .as("%s named %s, %s: %s", trial, input, result, outcome.said())
        .isEqualTo(2);
    assertThat(outcome.said().lines()).singleElement().asString().contains(trial.option);
    assertThat(content()).as("%s named %s", trial, result).isEqualTo(before);
  }

  /** Returns all that is there. */
  Map<Path, String> content() throws IOException {
    Map<Path, String> content = new TreeMap<>();
    try (var paths = Files.walk(directory)) {
      for (Path path : paths.filter(Files::isRegularFile).toList()) {
        content.put(path, Files.readString(path, StandardCharsets.ISO_8859_1));
      }
    }
    return content;
  }
}

package io.github.wandacuda.cli.option;

import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.record.TextInputs;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/**
 * Makes windows of a file: of a text as the paper's perplexity has them, or its lists of ids. An
 * option says how many of them are taken.
 */
public final class TextWindows {
  /** What perplexity is measured on, for an option's description. */
  public static final String FORMATS =
      "text cut into windows, the tail dropped (.txt, .raw, .jsonl, .json.gz, .jsonl.gz, .parquet),"
          + " lists of token ids, each one window (.json), or wikitext2 (once downloaded)";

  @Option(
      names = "--windows",
      paramLabel = "N",
      description = "Take the first N windows alone (default: all).")
  private Integer most;

  /**
   * Makes windows of a file, and warns if they are longer than the model's positions. A window of
   * text has 2048 tokens, or the model's maximum if that is less, unless a length is given.
   */
  public EvaluationWindows of(
      Path text, OptionalInt sequenceLength, ModelDirectory model, OutputOptions output) {
    return first(text, TextInputs.windows(text, sequenceLength, model), model, output);
  }

  /** Reads lists of token ids, each a window, and warns of those that are too long. */
  public EvaluationWindows ofTokens(Path tokens, ModelDirectory model, OutputOptions output) {
    int vocabulary = DecoderFamilies.shape(model).vocabulary();
    return first(tokens, EvaluationWindows.ofTokens(tokens, vocabulary), model, output);
  }

  /** Returns a file and its windows by the names that reports have. */
  public static Map<String, Object> facts(Path text, EvaluationWindows windows) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("file", text.toString());
    facts.put("sha256", windows.sha256());
    facts.put("windows", windows.count());
    facts.put("tokens", windows.tokens());
    return facts;
  }

  private EvaluationWindows first(
      Path file, EvaluationWindows windows, ModelDirectory model, OutputOptions output) {
    TextInputs.requireArrays(file, model, windows.longest());
    DecoderShape shape = DecoderFamilies.shape(model);
    if (windows.longest() > shape.maximumLength()) {
      output.warn(
          "a window of %d tokens is longer than the model's %d positions: beyond them it was never"
                  .formatted(windows.longest(), shape.maximumLength())
              + " trained, and its perplexity says little");
    }
    if (most != null && most < 1) {
      throw new UsageException("--windows: expected at least 1, found %d".formatted(most));
    }
    return most == null ? windows : windows.first(most);
  }
}

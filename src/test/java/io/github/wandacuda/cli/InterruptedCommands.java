package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Within;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.FutureTask;
import java.util.function.LongUnaryOperator;

/** Every command, on a small model, interrupted at one call after the other. */
final class InterruptedCommands {
  /** What is run: all commands, and {@code prune} in each of its ways. */
  static final List<String> KINDS =
      List.of(
          """
          samples statistics magnitude sparsegpt fitted ria atp resumed in-place dry-run
          masks calibrate perplexity evaluate generate inspect verify pack unpack zeros
          devices\
          """
              .split("\\s+"));

  /** Those of {@link #KINDS} that prune by a method beyond Wanda and magnitude. */
  static final List<String> METHODS = List.of("sparsegpt", "fitted", "ria", "atp");

  private static final String FEW = "q_proj|down_proj";

  private final Path directory;
  private final Path model;
  private final Path statistics;
  private final Path samples;

  /**
   * Writes the model and what goes with it.
   *
   * @param blocks decoder blocks, of which a shard has two
   */
  InterruptedCommands(Path directory, int blocks) throws IOException {
    this.directory = directory;
    GeneratedLlama llama = new GeneratedLlama(blocks, 32, 32, 40);
    model = llama.write(directory.resolve("model"));
    Files.writeString(model.resolve("generation_config.json"), "{}");
    statistics = llama.writeStatistics(directory.resolve("statistics.safetensors"));
    samples = llama.writeSamples(directory.resolve("samples.json"), 2, 8);
  }

  /** How a run ended, and how often it asked. */
  private record Run(long asked, Ended ended) {}

  private static Run run(long when, List<Object> words) throws Exception {
    Ended[] ended = {null};
    long asked = InterruptedAt.run(() -> ended[0] = InProcess.run(words), when);
    return new Run(asked, ended[0]);
  }

  private List<Object> words(String kind, Path place) {
    // With one thread the calls are the same in every run.
    String common = " --quiet --backend cpu --threads 1 ";
    String prune = "prune" + common;
    List<Object> output = Words.of("--model %s --output %s", model, place);
    List<Object> fitted = Words.of("--calibration %s --resume --include %s", samples, FEW);
    Path tiny = TestData.TINY_LLAMA;
    return switch (kind) {
      case "samples", "resumed" -> Words.of(prune, output, fitted);
      case "statistics" ->
          Words.of(prune + "--statistics %s --resume --pattern 2:4", statistics, output);
      case "magnitude" -> Words.of(prune + "--method magnitude --resume --include %s", FEW, output);
      case "sparsegpt", "ria" ->
          Words.of(prune + "--calibration %s --resume --method %s", samples, kind, output);
      case "fitted" -> Words.of(prune + "--refine swaps --update reconstruct", output, fitted);
      case "atp" -> Words.of(prune + "--allocation atp", output, fitted);
      case "in-place" ->
          Words.of(prune + "--model %s --in-place --yes --statistics %s", place, statistics);
      case "dry-run" -> Words.of(prune + "--statistics %s --dry-run", statistics, output);
      case "calibrate" ->
          Words.of(
              "calibrate" + common + "--model %s --calibration %s --output %s",
              model,
              samples,
              place.resolve("norms.safetensors"));
      case "perplexity" ->
          Words.of("perplexity" + common + "--model %s --tokens %s", model, samples);
      case "evaluate" ->
          Words.of(
              "evaluate" + common + "--model %s --limit 1 --tasks testdata/tasks/generic.jsonl",
              tiny);
      case "generate" -> Words.of("generate" + common + "--model %s --prompt The --tokens 2", tiny);
      case "inspect" -> Words.of("inspect --quiet --model %s", model);
      case "verify" -> Words.of("verify --quiet --dense %s --pruned %s", model, pruned());
      case "masks" -> Words.of(prune + "--method masks --resume --masks %s", pruned(), output);
      case "pack", "unpack" ->
          Words.of(
              "%s --quiet --threads 1 --resume --model %s --output %s",
              kind, kind.equals("pack") ? pruned() : packed(), place);
      case "zeros" -> Words.of("verify --quiet --zeros-of %s --model %s", model, model);
      default -> Words.of("devices --quiet");
    };
  }

  private Path pruned() {
    return directory.resolve("pruned");
  }

  private Path packed() {
    return directory.resolve("packed");
  }

  /** Makes what a kind of run begins with. */
  private void begin(String kind, Path place, long resumedAt) throws Exception {
    Directories.remove(place);
    switch (kind) {
      case "in-place" -> TestData.copy(model, place);
      case "calibrate" -> Files.createDirectories(place);
      case "resumed" -> run(resumedAt, words("samples", place));
      case "verify", "masks", "pack", "unpack" -> {
        if (!Files.exists(pruned())) {
          run(InterruptedAt.NEVER, words("statistics", pruned()));
          run(InterruptedAt.NEVER, words("pack", packed()));
        }
      }
      default -> {}
    }
  }

  /**
   * Interrupts a kind of run at one call after the other, and lets it go on each time.
   *
   * @param next the call to try after one that was tried
   * @return how many interrupts there were
   */
  long interrupt(String kind, LongUnaryOperator next) throws Exception {
    Path expected = directory.resolve("expected");
    Path place = directory.resolve("place");
    long half = 0;
    if (kind.equals("resumed")) {
      half = run(InterruptedAt.NEVER, words("samples", place)).asked() / 2;
    }
    begin(kind, expected, half);
    Run undisturbed = run(InterruptedAt.NEVER, words(kind, expected));
    undisturbed.ended().succeeds();
    long interrupts = 0;
    for (long when = 1; when <= undisturbed.asked(); when = next.applyAsLong(when)) {
      begin(kind, place, half);
      Ended ended = run(when, words(kind, place)).ended();
      String what = "%s, interrupted at call %d".formatted(kind, when);
      if (ended.exitCode() == 0) {
        // It was all done, and said so.
        assertThat(ended.out()).as(what).isNotEmpty();
        assertThat(ended.err()).as(what).isEmpty();
        if (kind.equals("calibrate")) {
          // A second run doesn't replace what the first has written.
          Files.delete(place.resolve("norms.safetensors"));
        }
      } else {
        assertCancelled(what, ended, place);
        interrupts++;
      }
      if (Files.exists(expected)) {
        Ended again = run(InterruptedAt.NEVER, words(kind, place)).ended();
        assertThat(again.exitCode()).as("%s: %s", what, again.err()).isZero();
        Directories.assertSame(expected, place);
      }
    }
    Directories.remove(place);
    Directories.remove(expected);
    return interrupts;
  }

  private static void assertCancelled(String what, Ended ended, Path place) {
    assertThat(ended.err().lines()).as(what).singleElement().asString().startsWith("wanda-cuda: ");
    assertThat(ended.err()).as(what).startsWith("wanda-cuda: cancelled");
    assertThat(ended.exitCode()).as(what).isEqualTo(130);
    if (!what.startsWith("pack,") && !what.startsWith("unpack,")) {
      // Theirs is the source's own, beside which the journal stands until all is done.
      assertThat(place.resolve("wanda-cuda.json")).as(what).doesNotExist();
    }
    assertThat(place.resolve("norms.safetensors")).as(what).doesNotExist();
  }

  /**
   * A thread that is interrupted the n-th time that somebody asks it whether it is. The JDK asks at
   * each operation of a channel, and so do our own loops, so that n = 1, 2, ... goes through them
   * all. The answer is that of the moment before: a channel is closed in the midst of the
   * operation, and a wait between two questions ends at once.
   */
  private static final class InterruptedAt extends Thread {
    /** Never interrupted, only counted. */
    public static final long NEVER = Long.MAX_VALUE;

    private final long when;
    private long asked;

    private InterruptedAt(Runnable work, long when) {
      super(work, "interrupted-at-" + when);
      this.when = when;
    }

    /** Runs work to its end and returns how often the thread was asked. */
    public static long run(Runnable work, long when) throws Exception {
      FutureTask<Void> task = new FutureTask<>(work, null);
      InterruptedAt thread = new InterruptedAt(task, when);
      thread.start();
      Within.end(thread);
      task.get();
      return thread.asked;
    }

    @Override
    public boolean isInterrupted() {
      boolean before = super.isInterrupted();
      if (this == currentThread() && ++asked == when) {
        interrupt();
      }
      return before;
    }
  }
}

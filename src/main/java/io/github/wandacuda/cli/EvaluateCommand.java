package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.evaluate.TaskScore;
import io.github.wandacuda.job.RunNeeds;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Asks a model the questions of zero-shot tasks. */
@Command(
    name = "evaluate",
    description =
        "Measures a model's accuracy on zero-shot tasks by log-likelihood, as"
            + " lm-evaluation-harness does.",
    footerHeading = "%n",
    footer = {"  wanda-cuda evaluate --model org/model --tasks boolq,rte --data tasks"},
    mixinStandardHelpOptions = true)
final class EvaluateCommand implements Runnable {
  @Mixin private ModelOption model;

  @Mixin private TaskOptions tasks;

  @Option(
      names = "--log-likelihoods",
      description = "With --json: the log-likelihood of each answer too.")
  private boolean logLikelihoods;

  @Mixin private BackendOptions backends;
  @Mixin private OutputOptions output;

  @Override
  public void run() {
    backends.check();
    if (!tasks.given()) {
      throw new UsageException("evaluate needs --tasks LIST");
    }
    tasks.check();
    try (ModelDirectory directory = model.open()) {
      ModelSummary.say(directory, output);
      Evaluation evaluation = tasks.read(directory, output);
      requireMemory(directory, evaluation);
      try (Backend backend = backends.open(output).backend();
          Decoder decoder = DecoderFamilies.open(directory, backend.forwards())) {
        List<TaskScore> scores = evaluation.run(decoder, backend.operations(), output.progress());
        TaskTable table = new TaskTable(scores, logLikelihoods);
        output.result(table.object(), table::text);
      }
    }
  }

  private static void requireMemory(ModelDirectory directory, Evaluation evaluation) {
    int hiddenSize = DecoderFamilies.of(directory.config()).shape(directory.config()).hiddenSize();
    RunNeeds.requireMemory(directory, List.of(), evaluation.stateBytes(hiddenSize));
  }
}

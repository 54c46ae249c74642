package io.github.wandacuda.cli;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import java.util.List;

/** Prints, with {@code --verbose}, the model that a command works on and the chosen modules. */
final class ModelSummary {
  private ModelSummary() {}

  static void say(ModelDirectory model, OutputOptions output) {
    Checkpoint checkpoint = model.checkpoint();
    output.detail(
        "model %s: %s, %d tensors in %d files, %d bytes; %d linear modules, %d of them routers",
        model.path(),
        model.config().architecture().isEmpty() ? "no architecture" : model.config().architecture(),
        checkpoint.tensors().size(),
        checkpoint.shards().size(),
        checkpoint.totalBytes(),
        model.modules().size(),
        model.modules().stream().filter(LinearModule::router).count());
  }

  static void sayChosen(List<LinearModule> chosen, OutputOptions output) {
    output.detail("%d modules chosen:", chosen.size());
    chosen.forEach(
        module ->
            output.detail(
                "  %s  %s  %d x %d",
                module.name(), module.tensor().dtype(), module.rows(), module.columns()));
  }
}

package io.github.wandacuda.cli.option;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.hub.HubCache;
import io.github.wandacuda.job.output.UnfinishedRun;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.FamilyFile;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** The model that a command reads: a directory, or a name in the cache of the Hub. */
public class ModelOption {
  @Option(
      names = "--model",
      paramLabel = "DIR",
      required = true,
      description =
          "A Hugging Face model directory, a .gguf file, or the id (org/name) of a model that the"
              + " local Hugging Face cache holds, as 'download' leaves it.")
  private String given;

  public ModelDirectory open(OutputOptions output) {
    return prepared(open(given, family(), output));
  }

  /** Opens a model, which must be finished, and prints what it is, with {@code --verbose}. */
  public static ModelDirectory open(String given, Path family, OutputOptions output) {
    Path path = HubCache.find(given);
    UnfinishedRun.requireNone(path);
    return said(ModelDirectory.open(path, FamilyFile.read(family)), output);
  }

  /** Opens the model, even if a part of it is pruned in place. */
  public ModelDirectory openAnyway(OutputOptions output) {
    return prepared(
        said(ModelDirectory.open(HubCache.find(given), FamilyFile.read(family())), output));
  }

  /** Returns the opened model as other options want it. */
  ModelDirectory prepared(ModelDirectory model) {
    return model;
  }

  /** Returns the file that describes the model's family, or null for none. */
  public Path family() {
    return null;
  }

  private static ModelDirectory said(ModelDirectory model, OutputOptions output) {
    Checkpoint checkpoint = model.checkpoint();
    output.detail(
        "model %s: %s, %d tensors in %d files, %d bytes; %d linear modules, %d of them routers",
        model.path(),
        model.config().architecture().isEmpty() ? "no architecture" : model.config().architecture(),
        checkpoint.tensors().count(),
        checkpoint.shards().size(),
        checkpoint.totalBytes(),
        model.modules().size(),
        model.modules().stream().filter(LinearModule::router).count());
    return model;
  }

  /** Prints the chosen modules, with {@code --verbose}. */
  public static void sayChosen(List<LinearModule> chosen, OutputOptions output) {
    output.detail("%d modules chosen:", chosen.size());
    chosen.forEach(
        module ->
            output.detail(
                "  %s  %s  %d x %d",
                module.name(), module.tensor().dtype(), module.rows(), module.columns()));
  }
}

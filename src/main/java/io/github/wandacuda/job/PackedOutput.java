package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.PackedShard;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.RealCause;
import io.github.wandacuda.system.Workers;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/**
 * The shards of a pruned output, packed where they lie once all of them are complete and checked,
 * one at a time. Each stays until its packed form is on the device, and was compared with it.
 *
 * @param model the source, which names shards and modules
 * @param output the output
 */
record PackedOutput(ModelDirectory model, OutputDirectory output, Workers workers) {

  /**
   * Packs all shards.
   *
   * @param verify whether each packed shard is compared with the one that it replaces
   * @throws io.github.wandacuda.error.OutputException if one can't be written
   * @throws io.github.wandacuda.error.VerificationException if a packed one is wrong
   */
  public void pack(boolean verify) {
    Packing.PACK.require(model);
    for (SafetensorsFile source : model.checkpoint().shards()) {
      try (SafetensorsFile pruned = SafetensorsFile.open(place(source))) {
        Consumer<Path> check =
            verify
                ? temporary -> OutputCheck.requireCopy(pruned, temporary, true, workers)
                : temporary -> {};
        replace(Packing.PACK, modules(source, pruned), pruned, check);
      }
    }
  }

  /**
   * Unpacks the shards that an interrupted run has packed already, so that it goes on as if it had
   * packed none. One that is broken is left: the run will write it anew.
   */
  public void unpack() {
    for (SafetensorsFile source : model.checkpoint().shards()) {
      Path place = place(source);
      if (Files.isRegularFile(place, LinkOption.NOFOLLOW_LINKS)) {
        unpack(place);
      }
    }
  }

  private void unpack(Path place) {
    try (SafetensorsFile stored = SafetensorsFile.open(place)) {
      if (PackedFormat.isPacked(stored)) {
        replace(Packing.UNPACK, List.of(), PackedShard.unpacked(stored), temporary -> {});
      }
    } catch (InputException broken) {
      RealCause.throwIfBehind(broken);
    }
  }

  private void replace(
      Packing direction, List<LinearModule> modules, SafetensorsFile shard, Consumer<Path> check) {
    try (NewShards written = NewShards.replacing(output, check)) {
      direction.write(modules, List.of(shard), written, workers, () -> {});
      written.finish();
    }
  }

  private Path place(SafetensorsFile source) {
    return output.path().resolve(source.path().getFileName());
  }

  /** Returns the modules of a shard of the model as they are in the output's. */
  private List<LinearModule> modules(SafetensorsFile source, SafetensorsFile pruned) {
    return model.modules().stream()
        .filter(module -> module.shard().equals(source))
        .map(module -> module.in(pruned))
        .toList();
  }

  /** Writes the {@code config.json} that says that the output is packed. */
  public void writeConfig() {
    Packing.PACK.writeConfig(model, output);
  }
}

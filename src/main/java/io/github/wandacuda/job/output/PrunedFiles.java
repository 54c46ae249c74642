package io.github.wandacuda.job.output;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.ExtraFiles;
import io.github.wandacuda.checkpoint.PackedConfig;
import io.github.wandacuda.checkpoint.PackedShard;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.Reason;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.RealCause;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The files of a pruned directory, which may be packed.
 *
 * @param directory the directory
 * @param packed whether its config says that it is packed
 */
record PrunedFiles(Path directory, boolean packed) {

  /** Looks at a directory's config; what is wrong with a packed one is added to the failures. */
  static PrunedFiles of(Path directory, Failures failures) {
    try {
      return new PrunedFiles(directory, ModelConfig.read(directory).packed());
    } catch (InputException e) {
      RealCause.throwIfBehind(e);
      boolean packed = saysPacked(directory);
      if (packed) {
        failures.add(e.getMessage());
      }
      return new PrunedFiles(directory, packed);
    }
  }

  /** Returns whether a config, which is wrong in some way, says that it is a packed model's. */
  private static boolean saysPacked(Path directory) {
    try (var in = InputFile.stream(directory.resolve(SideFiles.CONFIG))) {
      JsonNode root = JsonTree.read(in);
      return PackedConfig.isPacked(root);
    } catch (InputException | IOException noConfig) {
      return false;
    }
  }

  /** Returns what gives the shard that one of a directory stands for. */
  static UnaryOperator<SafetensorsFile> reading(boolean packed) {
    return packed ? PackedShard::unpacked : PackedShard::requireDense;
  }

  /** Compares the side files, and returns the files that were added. */
  List<Path> compare(ModelDirectory dense, Failures failures) {
    SideFiles expected = SideFiles.of(dense.checkpoint(), directory);
    expected.files().forEach(file -> compareFile(dense.path(), file, failures));
    expected.lastFiles().forEach(file -> compareFile(dense.path(), file, failures));
    ExtraFiles extra = ExtraFiles.of(dense.checkpoint(), expected, directory);
    extra
        .loaded()
        .forEach(
            file -> add(failures, directory.resolve(file), "nothing, as in the source", "a file"));
    return extra.others();
  }

  private void compareFile(Path dense, Path file, Failures failures) {
    Path copy = directory.resolve(file);
    try {
      if (!Files.isRegularFile(copy)) {
        add(failures, copy, "a copy of the source's", "that it is missing");
        return;
      }
      long at =
          file.equals(Path.of(SideFiles.CONFIG))
              ? configMismatch(dense.resolve(file), copy)
              : Files.mismatch(dense.resolve(file), copy);
      if (at >= 0) {
        add(failures, copy, "the source's bytes", "that it differs at byte " + at);
      }
    } catch (IOException e) {
      RealCause.throwIfBehind(e);
      add(failures, copy, "a copy of the source's", "that it can't be read: " + Reason.of(e));
    }
  }

  /** Compares what two configs say of their models, whichever of the two is packed. */
  private static long configMismatch(Path dense, Path copy) throws IOException {
    try {
      return Arrays.mismatch(
          PackedConfig.source(dense, InputFile.bytes(dense)),
          PackedConfig.source(copy, InputFile.bytes(copy)));
    } catch (InputException broken) {
      RealCause.throwIfBehind(broken);
      return Files.mismatch(dense, copy);
    }
  }

  private static void add(Failures failures, Path file, String expected, String found) {
    failures.add(
        "%s: expected %s, found %s".formatted(Printable.of(file), expected, Printable.of(found)));
  }
}

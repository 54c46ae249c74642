package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.io.Links;
import io.github.wandacuda.model.ModelDirectory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** All files of a model directory beside its weights, of which a lossless copy leaves none out. */
final class WholeDirectory {
  private WholeDirectory() {}

  /**
   * Returns the files: those that a pruned copy needs, weights in other formats, and the record of
   * a run. Left out are folders of version control and caches, links to nothing, and what is no
   * regular file.
   *
   * @throws io.github.wandacuda.error.InputException if one can't be read, or a link leads out
   */
  static SideFiles of(ModelDirectory model, Path output) {
    SideFiles needed = SideFiles.of(model.checkpoint(), output);
    List<Path> files = new ArrayList<>(needed.files());
    List<Path> leftOut = new ArrayList<>();
    List<Path> others = new ArrayList<>(needed.leftOut());
    others.add(Path.of(SideFiles.MANIFEST));
    for (Path file : others) {
      Path place = model.path().resolve(file);
      if (isSkipped(file) || !Files.isRegularFile(place)) {
        leftOut.add(file);
      } else {
        Links.requireInside(model.path(), place);
        files.add(file);
      }
    }
    leftOut.remove(Path.of(SideFiles.MANIFEST));
    return new SideFiles(model.path(), files, needed.lastFiles(), leftOut);
  }

  private static boolean isSkipped(Path file) {
    String name = file.getFileName().toString();
    return name.equals(".git") || name.equals(".cache");
  }
}

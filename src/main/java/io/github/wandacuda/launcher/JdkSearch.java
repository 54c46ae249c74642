package io.github.wandacuda.launcher;

import java.nio.file.Path;
import java.util.List;

/** Chooses the Java that the program runs on. */
final class JdkSearch {
  private JdkSearch() {}

  /**
   * The best of the suitable ones: the version that the program was tested with, else the lowest
   * newer one; among equals the first.
   *
   * @param homes where to look; directories that are no Java's home are passed over
   * @return null if there is none
   */
  static JavaHome best(List<Path> homes) {
    JavaHome best = null;
    for (Path path : homes) {
      JavaHome home = JavaHome.read(path);
      if (home != null && home.isSuitable() && (best == null || feature(home) < feature(best))) {
        best = home;
      }
      if (best != null && feature(best) == Launcher.JAVA) {
        return best;
      }
    }
    return best;
  }

  private static int feature(JavaHome home) {
    return JavaHome.feature(home.version());
  }
}

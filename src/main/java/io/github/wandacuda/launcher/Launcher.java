package io.github.wandacuda.launcher;

import io.github.wandacuda.process.ParentTie;
import io.github.wandacuda.process.ProcessReplacement;
import io.github.wandacuda.process.ThisRuntime;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Starts the program so that it may call native code and has the Vector API where it gains by that
 * ({@link VectorNeed}), with options that bring the API up to speed soon ({@link KernelOptions}),
 * in the first of three ways that works:
 *
 * <ol>
 *   <li>This Java may and has them (nothing needs vectors, the user's own options, a runtime image
 *       made for it, or one of the two ways below): the program is called in this process.
 *   <li>This Java is new enough but was started without the module: it starts again in place, by
 *       {@code execv}. Pid, signals, exit code, files and streams are then simply the program's.
 *       Needs a Unix and native access, which the jar's manifest turns on.
 *   <li>Otherwise the program runs in a child process: where this Java is too old or has no such
 *       module, with the JDK that {@link JdkSearch} finds. The child has this process's standard
 *       streams (not other open files, so {@code <(command)} needs one of the other ways), gets its
 *       signals and ends when it ends, even by SIGKILL; the exit code is the child's.
 * </ol>
 *
 * <p>Whatever JVM options this process was started with, the program gets too. This process runs
 * under them as well, so one that takes a port or a file for itself (a debugger's, say) is best
 * given together with {@code --add-modules jdk.incubator.vector}, which makes it the first way.
 *
 * <p>The classes of {@code io.github.wandacuda.process} and the program are compiled for the newest
 * Java. They may be named here as long as no older Java reaches a call of them.
 */
public final class Launcher {
  /** The oldest Java that the program runs on, and the one that it was tested with. */
  static final int JAVA = 25;

  /** The module of the Vector API. */
  static final String MODULE = "jdk.incubator.vector";

  private static final String PROGRAM = "io.github.wandacuda.cli.Main";

  /** Set for a process that a launcher started: to {@link #IN_PLACE} or to the launcher's pid. */
  private static final String LAUNCHED = "wandacuda.launched";

  private static final String IN_PLACE = "in-place";

  private Launcher() {}

  /**
   * Starts the program.
   *
   * @param args the program's arguments
   * @throws Throwable what the program's main method throws
   */
  public static void main(String[] args) throws Throwable {
    boolean recent = JavaHome.feature(System.getProperty("java.specification.version")) >= JAVA;
    String launched = System.getProperty(LAUNCHED);
    boolean vectors = VectorNeed.of(args);
    if (recent && ThisRuntime.hasNativeAccess() && (!vectors || ThisRuntime.hasResolved(MODULE))) {
      if (launched != null && !launched.equals(IN_PLACE)) {
        ParentTie.to(Long.parseLong(launched));
      }
      call(args);
      return;
    }
    // A process that a launcher started and that still lacks something would start others for ever.
    System.exit(launched == null ? startAgain(args, recent, vectors) : fail());
  }

  private static void call(String[] args) throws Throwable {
    try {
      Class.forName(PROGRAM).getMethod("main", String[].class).invoke(null, (Object) args);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private static int startAgain(String[] args, boolean recent, boolean vectors)
      throws InterruptedException {
    JavaHome home =
        recent && ThisRuntime.contains(MODULE)
            ? JavaHome.ofThisProcess()
            : JdkSearch.best(JdkPlaces.ofThisMachine().homes());
    if (home == null) {
      return fail();
    }
    String java = home.java().toString();
    CommandLine line = CommandLine.ofThisProcess(args);
    List<String> options = options(vectors, line);
    if (recent && ProcessReplacement.isPossible()) {
      ProcessReplacement.exec(line.encoded(java, with(options, IN_PLACE)), line.variables());
    }
    try {
      return ChildProcess.run(line.words(java, with(options, OwnPid.get())), line.variables());
    } catch (IOException e) {
      System.err.println("wanda-cuda can't start " + java + ": " + e.getMessage());
      return 1;
    }
  }

  private static List<String> options(boolean vectors, CommandLine line) {
    List<String> options = new ArrayList<>();
    if (vectors) {
      options.addAll(Arrays.asList("--add-modules", MODULE));
      options.addAll(KernelOptions.beside(line.given(System.getenv())));
    }
    options.add("--enable-native-access=ALL-UNNAMED");
    return options;
  }

  private static List<String> with(List<String> options, String launched) {
    List<String> more = new ArrayList<>(options);
    more.add("-D" + LAUNCHED + "=" + launched);
    return more;
  }

  private static int fail() {
    System.err.println(
        missing(System.getProperty("java.version"), System.getProperty("java.home")));
    return 1;
  }

  /** Says in one line that no Java can run the program. */
  static String missing(String version, String home) {
    return "wanda-cuda needs a JDK "
        + JAVA
        + " or newer with the module "
        + MODULE
        + " (Eclipse Temurin "
        + JAVA
        + ", for example), found Java "
        + version
        + " in "
        + home
        + " and no other that will do: install one, or let JAVA_HOME point to one";
  }
}

package io.github.wandacuda.launcher;

import io.github.wandacuda.cli.Main;
import io.github.wandacuda.system.ParentTie;
import io.github.wandacuda.system.ProcessReplacement;
import io.github.wandacuda.system.ThisRuntime;
import java.io.File;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Starts the program with native access and, if the command gains by it, with the Vector API and
 * the options of {@link KernelOptions}. It uses the first of three ways that works:
 *
 * <ol>
 *   <li>This process has all that the program needs (because the command needs no vectors, by the
 *       user's own options, in a runtime image made for it, or as the result of one of the two ways
 *       below): the program is called in it.
 *   <li>It is replaced by another start of the same Java, by {@code execv}. The program keeps pid,
 *       signals, exit code, files and streams. This needs a Unix and native access, which the jar's
 *       manifest enables.
 *   <li>Otherwise the program runs in a child process. The child has this process's standard
 *       streams (not other open files, so {@code <(command)} needs one of the other ways), gets its
 *       signals and ends when this process ends, even by SIGKILL; the exit code is the child's.
 * </ol>
 *
 * <p>The module is loaded after Java has started ({@link ThisRuntime#load}). The option {@code
 * --add-modules} is used only if that fails, because with it the JVM prints a line about incubator
 * modules that can't be turned off. A Java that was started in the POSIX locale is always started
 * again, in a locale in which it can name all files.
 *
 * <p>The program gets all JVM options of this process. Since this process runs with them too, an
 * option that opens a port or a file, such as a debugger's, should be given together with {@code
 * --add-modules jdk.incubator.vector}, with which the first way works.
 */
final class VectorStart {
  static final String MODULE = ThisRuntime.VECTOR_MODULE;

  /** Set for a process that was started here: to {@link #IN_PLACE} or to the parent's pid. */
  private static final String LAUNCHED = "wandacuda.launched";

  private static final String IN_PLACE = "in-place";

  /** Lets {@link ThisRuntime#load} load the module. */
  private static final String LOADING = "--add-exports=java.base/jdk.internal.module=ALL-UNNAMED";

  /** Lets the program call native code. */
  private static final String NATIVE_ACCESS = "--enable-native-access=ALL-UNNAMED";

  /** Moves the JVM's own messages, such as that it can't start a thread, from stdout to stderr. */
  private static final List<String> MESSAGES = List.of("-Xlog:disable", "-Xlog:all=warning:stderr");

  /** Commands that read and compare, without any kernel. */
  private static final List<String> COMMANDS_WITHOUT = List.of("inspect", "verify");

  private static final List<String> HELP = List.of("--help", "-h");

  private VectorStart() {}

  static void main(String[] args) throws InterruptedException {
    String launched = System.getProperty(LAUNCHED);
    boolean vectors = needsVectors(args);
    // Files of any name can be opened, or another start wouldn't help.
    boolean named = launched != null || !isInPosixLocale();
    if (ThisRuntime.hasNativeAccess() && (!vectors || hasVectors(launched)) && named) {
      if (launched != null && !launched.equals(IN_PLACE)) {
        ParentTie.to(Long.parseLong(launched));
      }
      Main.main(args);
      return;
    }
    CommandLine line = CommandLine.ofThisProcess(args);
    if (launched == null && (!vectors || ThisRuntime.contains(MODULE))) {
      System.exit(startAgain(args, line, vectors));
    }
    if (launched != null && ThisRuntime.contains(MODULE) && !ThisRuntime.hasResolved(MODULE)) {
      // This Java can't load the module later, so the JVM's own option does, which prints a line.
      replace(line, List.of("--add-modules", MODULE));
    }
    // A process that was started here doesn't start another one, or that would never end.
    System.exit(Launcher.fail(args, Launcher.needed()));
  }

  /** Returns whether the command gains by the Vector API; others need no second start of Java. */
  static boolean needsVectors(String[] args) {
    boolean command = args.length > 0 && !args[0].startsWith("-");
    boolean helpOnCommand = args.length == 2 && HELP.contains(args[1]);
    return command && !helpOnCommand && !COMMANDS_WITHOUT.contains(args[0]);
  }

  /**
   * Returns whether all that the program does is to copy a part of a model: experts go by
   * statistics, and no text runs through the model. Words in a file aren't looked for.
   */
  static boolean copies(String[] args) {
    String line = " " + String.join(" ", args).replace('=', ' ') + " ";
    return line.startsWith(" prune ")
        && line.contains(" --structure experts ")
        && line.contains(" --statistics ")
        && !line.contains(" --evaluate ")
        && !line.contains(" @");
  }

  private static boolean hasVectors(String launched) {
    return ThisRuntime.hasResolved(MODULE) || (launched != null && ThisRuntime.load(MODULE));
  }

  /**
   * Returns whether this Java was started in the C or POSIX locale, which is used if no other was
   * chosen (in containers, by cron) or the chosen one isn't installed. It can't name files beyond
   * ASCII. In the locale {@code C.UTF-8} it can; glibc has it since 2.35, Debian and musl for
   * longer.
   */
  private static boolean isInPosixLocale() {
    String encoding = System.getProperty("sun.jnu.encoding");
    return encoding != null
        && Charset.isSupported(encoding)
        && Charset.forName(encoding).equals(StandardCharsets.US_ASCII);
  }

  private static int startAgain(String[] args, CommandLine line, boolean vectors)
      throws InterruptedException {
    List<String> options = options(args, vectors, line);
    replace(line, with(options, IN_PLACE));
    List<String> command =
        line.words(java(), with(options, String.valueOf(ProcessHandle.current().pid())));
    try {
      return ChildProcess.run(command, line.variables(), variables());
    } catch (IOException e) {
      return Launcher.fail(args, "wanda-cuda can't start " + java() + ": " + e.getMessage());
    }
  }

  /** Replaces this process; returns only if that isn't possible. */
  private static void replace(CommandLine line, List<String> options) {
    if (ProcessReplacement.isPossible()) {
      ProcessReplacement.exec(line.encoded(java(), options), line.variables(), variables());
    }
  }

  /** Returns the command of the Java that runs this process. */
  static String java() {
    String name = File.separatorChar == '\\' ? "java.exe" : "java";
    return Path.of(System.getProperty("java.home"), "bin", name).toString();
  }

  /** Returns the environment variables with which a program starts that can name all files. */
  private static Map<String, String> variables() {
    if (!isInPosixLocale()) {
      return Map.of();
    }
    boolean all = !System.getenv().getOrDefault("LC_ALL", "").isEmpty();
    return Map.of(all ? "LC_ALL" : "LC_CTYPE", "C.UTF-8");
  }

  private static List<String> options(String[] args, boolean vectors, CommandLine line) {
    List<String> options = new ArrayList<>();
    // What this process has, by the jar's manifest or the user's options, the next one has too, and
    // starts 20 ms sooner without either option.
    if (!ThisRuntime.hasNativeAccess()) {
      options.add(NATIVE_ACCESS);
    }
    if (vectors && !ThisRuntime.canLoad()) {
      options.add(LOADING);
    }
    if (vectors) {
      options.addAll(MESSAGES);
      options.addAll(KernelOptions.beside(line.given(System.getenv()), !copies(args)));
    }
    return options;
  }

  private static List<String> with(List<String> options, String launched) {
    List<String> more = new ArrayList<>(options);
    more.add("-D" + LAUNCHED + "=" + launched);
    return more;
  }
}

package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.system.SharedLibrary;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The functions of oneDNN that are called here, by the C interface of its version 3. */
final class OneDnnFunctions {
  /** What the statuses from 0 on mean. */
  private static final List<String> STATUSES =
      List.of(
          "success",
          "out of memory",
          "invalid arguments",
          "unimplemented",
          "last implementation reached",
          "runtime error",
          "not required");

  /** The functions, as oneDNN names them; the result is a status where none is told. */
  enum Name {
    VERSION(ValueLayout.ADDRESS),
    GET_EFFECTIVE_CPU_ISA,
    ENGINE_CREATE,
    ENGINE_DESTROY,
    STREAM_CREATE,
    STREAM_DESTROY,
    MEMORY_DESC_CREATE_WITH_STRIDES,
    MEMORY_DESC_CREATE_WITH_TAG,
    MEMORY_DESC_GET_SIZE(ValueLayout.JAVA_LONG),
    MEMORY_DESC_DESTROY,
    MEMORY_CREATE,
    MEMORY_SET_DATA_HANDLE,
    MEMORY_DESTROY,
    PRIMITIVE_ATTR_CREATE,
    PRIMITIVE_ATTR_SET_SCRATCHPAD_MODE,
    PRIMITIVE_ATTR_DESTROY,
    MATMUL_PRIMITIVE_DESC_CREATE,
    REORDER_PRIMITIVE_DESC_CREATE,
    PRIMITIVE_DESC_QUERY_MD(ValueLayout.ADDRESS),
    PRIMITIVE_DESC_DESTROY,
    PRIMITIVE_CREATE,
    PRIMITIVE_EXECUTE,
    PRIMITIVE_DESTROY;

    private final String symbol = "dnnl_" + name().toLowerCase(Locale.ROOT);
    private final FunctionDescriptor result;

    Name() {
      this(ValueLayout.JAVA_INT);
    }

    Name(MemoryLayout result) {
      this.result = FunctionDescriptor.of(result);
    }
  }

  private final Map<Name, SharedLibrary.Function> functions = new EnumMap<>(Name.class);

  /**
   * Links the functions.
   *
   * @param library oneDNN, which stays loaded
   */
  OneDnnFunctions(SymbolLookup library) {
    for (Name name : Name.values()) {
      functions.put(name, function(library, name.symbol, name.result));
    }
  }

  static SharedLibrary.Function function(
      SymbolLookup library, String name, FunctionDescriptor result) {
    return new SharedLibrary.Function(library, "it", name, result);
  }

  Object call(Name name, Object... arguments) {
    return functions.get(name).result(arguments);
  }

  /** Calls a function for a status. */
  void require(Name name, Object... arguments) {
    int status = (int) call(name, arguments);
    if (status != 0) {
      String said = status < STATUSES.size() ? STATUSES.get(status) : "status " + status;
      throw new BackendUnavailableException("oneDNN: %s failed: %s".formatted(name.symbol, said));
    }
  }
}

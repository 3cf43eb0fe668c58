// RUN: hybrid-opt --load-dialect-plugin=%plugins/notes.so -split-input-file -verify-diagnostics %s

// The plugin's dialect takes a note that is a string.
func.func @right(%x: tensor<9x16xf32>) -> tensor<9x16xf32> attributes {notes.author = "a reader"} {
  return %x : tensor<9x16xf32>
}

// -----

// Any other note is refused by the plugin's verifier.
// expected-error @+1 {{'func.func' op expected the note "notes.author" to be a string, got 7 : i64}}
func.func @wrong(%x: tensor<9x16xf32>) -> tensor<9x16xf32> attributes {notes.author = 7 : i64} {
  return %x : tensor<9x16xf32>
}

// This file lets the package declare functions that another package defines.

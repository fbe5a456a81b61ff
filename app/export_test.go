package app

import "cubeconnect/web"

// AdminTable and PublicTable are the tables that the listeners are built from.
func (a *App) AdminTable() []web.Route  { return a.adminRoutes() }
func (a *App) PublicTable() []web.Route { return a.publicRoutes() }
